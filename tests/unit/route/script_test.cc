// route::find_script: where a path is cut, and which file that names.
#include "route/script.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

namespace millrace::route {
namespace {

struct Parts {
  std::string script_name;
  std::string path_info;
  std::string script_filename;
  std::string document_uri;
};

Parts parts(const config::Route& route, const config::Member& member, std::string_view path,
            std::string_view apache = {}) {
  ScriptScratch scratch;
  const Script script = find_script(route, member, apache, path, scratch);
  return {std::string(script.script_name), std::string(script.path_info),
          std::string(script.script_filename), std::string(script.document_uri)};
}

config::Route php_route() {
  config::Route route;
  route.match_text = "[.]php(/|$)";
  route.root = "/var/www";
  route.split_path = {".php"};
  return route;
}

config::Route mounted(std::string path) {
  config::Route route;
  route.path = std::move(path);
  route.root = "/srv";
  return route;
}

config::Address tcp(std::string host, std::uint16_t port) {
  config::Address address;
  address.host = std::move(host);
  address.port = port;
  return address;
}

config::Member member_of(std::string script_root) {
  config::Member member;
  member.script_root = std::move(script_root);
  return member;
}

TEST_CASE("Script: the path is cut behind the first extension that a slash or the end follows") {
  struct Vector {
    std::string path;
    std::string script_name;
    std::string path_info;
  };
  const std::vector<Vector> vectors = {
      {"/a.php", "/a.php", ""},
      {"/a.php/b", "/a.php", "/b"},
      {"/a.php/", "/a.php", "/"},
      {"/index.php/foo/", "/index.php", "/foo/"},
      {"/a.php/b.php/c", "/a.php", "/b.php/c"},
      {"/a.phpx/b.php/c", "/a.phpx/b.php", "/c"},
      {"/a.php.bak/b", "/a.php.bak/b", ""},
      {"/x.txt.php", "/x.txt.php", ""},
      {"/up.jpg/x.php", "/up.jpg/x.php", ""},
      {"/up.jpg .php", "/up.jpg .php", ""},
      {"/.php", "/.php", ""},
      {"/v1.0/a.php/foo.x/bar", "/v1.0/a.php", "/foo.x/bar"},
      {"/static", "/static", ""},
      {"/dir/", "/dir/index.php", ""},
      {"/", "/index.php", ""},
  };
  for (const Vector& vector : vectors) {
    CAPTURE(vector.path);
    const Parts got = parts(php_route(), {}, vector.path);
    CHECK(got.script_name == vector.script_name);
    CHECK(got.path_info == vector.path_info);
    CHECK(got.script_filename == "/var/www" + vector.script_name);
    CHECK(got.document_uri == vector.script_name + vector.path_info);
  }
}

TEST_CASE("Script: extensions are compared byte for byte") {
  const std::vector<std::string> others = {
      "/x.PHP/y",
      "/x.Php/y",
      "/shell.\xe2\x93\x9f\xe2\x93\x97\xe2\x93\x9f/y",  // circled php
      "/a.p\xa1p/y",                                    // a bare byte
      "/a.\xef\xbd\x90\xef\xbd\x88\xef\xbd\x90/y",      // full width
      "/PoC.\xc2\xa1.txt/y",
      "/a\\x.phq/y",
  };
  for (const std::string& path : others) {
    CAPTURE(path);
    const Parts got = parts(php_route(), {}, path);
    CHECK(got.script_name == path);
    CHECK(got.path_info.empty());
  }
  // A letter whose lower case is longer moves no index: the cut is where the bytes are.
  const Parts got = parts(php_route(), {}, "/\xc4\xb0.php/x");
  CHECK(got.script_name == "/\xc4\xb0.php");
  CHECK(got.path_info == "/x");
}

TEST_CASE("Script: of several extensions the one that ends first cuts") {
  config::Route route = php_route();
  route.split_path = {".php", ".phtml"};
  CHECK(parts(route, {}, "/a.phtml/b.php/c").script_name == "/a.phtml");
  CHECK(parts(route, {}, "/a.php/b.phtml/c").script_name == "/a.php");
  CHECK(parts(route, {}, "/a.phtml").script_name == "/a.phtml");
}

TEST_CASE("Script: another index, or none, is respected") {
  config::Route route = php_route();
  route.index = "app.php";
  CHECK(parts(route, {}, "/d/").script_name == "/d/app.php");
  CHECK(parts(route, {}, "/d").script_name == "/d");
  route.index = "";
  CHECK(parts(route, {}, "/d/").script_name == "/d/");
}

TEST_CASE("Script: without split_path the mount point and the rest are the halves of the path") {
  struct Vector {
    std::string mount;
    std::string path;
    std::string script_name;
    std::string path_info;
  };
  const std::vector<Vector> vectors = {
      {"/myapp/", "/myapp/", "/myapp", "/"},
      {"/myapp/", "/myapp/a.php/b", "/myapp", "/a.php/b"},
      {"/", "/", "", "/"},
      {"/", "/x/", "", "/x/"},
      {"/status", "/status", "/status", ""},
      {"/status", "/status/x", "/status", "/x"},
      {"", "/by/expression", "", "/by/expression"},
  };
  for (const Vector& vector : vectors) {
    CAPTURE(vector.mount);
    CAPTURE(vector.path);
    const Parts got = parts(mounted(vector.mount), {}, vector.path);
    CHECK(got.script_name == vector.script_name);
    CHECK(got.path_info == vector.path_info);
    CHECK(got.script_filename == "/srv" + vector.script_name);
    CHECK(got.document_uri == vector.path);
  }
}

TEST_CASE("Script: below the url's script root the file name loses the route's prefix") {
  config::Route route = mounted("/pp/");
  CHECK(parts(route, member_of("/www"), "/pp/a.php").script_filename == "/www");
  route.split_path = {".php"};
  const Parts got = parts(route, member_of("/www"), "/pp/a.php/foo");
  CHECK(got.script_filename == "/www/a.php");
  CHECK(got.script_name == "/pp/a.php");
  CHECK(got.path_info == "/foo");
  CHECK(parts(route, {}, "/pp/a.php/foo").script_filename == "/srv/pp/a.php");
  CHECK(parts(route, member_of("/www"), "/pp/").script_filename == "/www/index.php");
}

TEST_CASE("Script: a fixed script wins over every root") {
  config::Route route = mounted("/app/");
  route.script = "/srv/front.php";
  const Parts got = parts(route, member_of("/www"), "/app/x");
  CHECK(got.script_filename == "/srv/front.php");
  CHECK(got.script_name == "/app");
  CHECK(got.path_info == "/x");
}

TEST_CASE("Script: Apache's form begins with the target and ends with the path") {
  config::Route route = mounted("/pp/");
  const std::string prefix = apache_prefix(tcp("127.0.0.1", 19301));
  CHECK(prefix == "proxy:fcgi://127.0.0.1:19301");
  CHECK(parts(route, member_of("/www"), "/pp/a.php/foo", prefix).script_filename ==
        "proxy:fcgi://127.0.0.1:19301/www/a.php/foo");
  CHECK(parts(route, {}, "/pp/a b.php", prefix).script_filename ==
        "proxy:fcgi://127.0.0.1:19301/srv/pp/a b.php");
  route.split_path = {".php"};
  CHECK(parts(route, {}, "/pp/a.php/foo", prefix).script_filename ==
        "proxy:fcgi://127.0.0.1:19301/srv/pp/a.php");
  route.script = "/x.php";
  CHECK(parts(route, {}, "/pp/", prefix).script_filename == "proxy:fcgi://127.0.0.1:19301/x.php");
}

TEST_CASE("Script: Apache's prefix leaves out port 8000 and calls a Unix socket localhost") {
  CHECK(apache_prefix(tcp("app", 8000)) == "proxy:fcgi://app");
  CHECK(apache_prefix(tcp("::1", 9000)) == "proxy:fcgi://[::1]:9000");
  config::Address socket;
  socket.kind = config::Address::Kind::Unix;
  socket.path = "/run/x.sock";
  CHECK(apache_prefix(socket) == "proxy:fcgi://localhost");
}

TEST_CASE("Script: a second path does not grow a scratch that has seen a longer one") {
  const config::Route route = php_route();
  ScriptScratch scratch;
  (void)find_script(route, {}, {}, "/a/quite/long/directory/name/", scratch);
  const char* path_at = scratch.path.data();
  const char* filename_at = scratch.filename.data();
  const Script script = find_script(route, {}, {}, "/short/directory/name/", scratch);
  CHECK(scratch.path.data() == path_at);
  CHECK(scratch.filename.data() == filename_at);
  CHECK(script.script_name == "/short/directory/name/index.php");
}

}  // namespace
}  // namespace millrace::route
