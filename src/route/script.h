// Which script a path names (RFC 3875 4.1.5, 4.1.13 and nginx's split): SCRIPT_NAME and PATH_INFO
// are the two halves of the decoded path, SCRIPT_FILENAME is where the application finds the file.
//
//   split_path = [".php"]   /blog/a.php/x  ->  /blog/a.php  +  /x        first ".php" before "/" or
//   end
//                           /blog/         ->  /blog/index.php           `index`, where nothing
//                           splits
//   none, path = "/app/"    /app/x/y       ->  /app         +  /x/y      the mount point and the
//   rest
//
// Extensions are compared byte for byte: case folding and Unicode have made peers run uploads.
#pragma once

#include <string>
#include <string_view>

#include "config/config.h"

namespace millrace::route {

// Views into the path, the configuration or the Scratch, valid as long as all three.
struct Script {
  std::string_view script_name{};
  std::string_view path_info{};
  std::string_view script_filename{};
  std::string_view document_uri{};  // script_name and path_info in one: the path with its index
};

// Text that has to be put together. Reused, so that nothing is allocated after the first requests.
struct ScriptScratch {
  std::string path;
  std::string filename;
};

// The part of a route's path that SCRIPT_NAME starts with: "/app" for "/app/" and "/app", empty for
// "/" and for routes with `match`.
[[nodiscard]] std::string_view mount_point(const config::Route& route);

// What mod_proxy_fcgi puts before a file name for FPM: "proxy:fcgi://HOST[:PORT]", without the
// port where it is 8000; a Unix socket is "localhost".
[[nodiscard]] std::string apache_prefix(const config::Address& backend);

// Finds the script of a route with a target. `apache` is apache_prefix() of the member's backend
// where the route asks for it, else empty.
[[nodiscard]] Script find_script(const config::Route& route, const config::Member& member,
                                 std::string_view apache, std::string_view path,
                                 ScriptScratch& scratch);

}  // namespace millrace::route
