#include "route/script.h"

#include <algorithm>

namespace millrace::route {

namespace {

constexpr std::uint16_t kApacheDefaultPort = 8000;

// Where the first occurrence of `extension` that "/" or the end follows ends; npos: there is none.
std::size_t end_of_script(std::string_view path, std::string_view extension) {
  std::size_t at = path.find(extension);
  while (at != std::string_view::npos) {
    const std::size_t end = at + extension.size();
    if (end == path.size() || path[end] == '/') return end;
    at = path.find(extension, at + 1);
  }
  return at;
}

std::size_t first_end(const config::Route& route, std::string_view path) {
  std::size_t first = std::string_view::npos;
  for (const std::string& extension : route.split_path) {
    first = std::min(first, end_of_script(path, extension));
  }
  return first;
}

// Fills all but the file name.
Script split(const config::Route& route, std::string_view path, std::string& scratch) {
  if (route.split_path.empty()) {
    const std::string_view mount = mount_point(route);
    const std::size_t length = path.starts_with(mount) ? mount.size() : 0;
    return {.script_name = path.substr(0, length),
            .path_info = path.substr(length),
            .document_uri = path};
  }
  // The index belongs to the script and not to PATH_INFO: "/a.php/" has none.
  const std::size_t end = first_end(route, path);
  if (end != std::string_view::npos) {
    return {
        .script_name = path.substr(0, end), .path_info = path.substr(end), .document_uri = path};
  }
  if (path.ends_with('/') && !route.index.empty()) {
    scratch.assign(path);
    scratch.append(route.index);
    path = scratch;
  }
  return {.script_name = path, .document_uri = path};
}

}  // namespace

std::string_view mount_point(const config::Route& route) {
  std::string_view path = route.path;
  if (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

std::string apache_prefix(const config::Address& backend) {
  constexpr std::string_view kScheme = "proxy:fcgi://";
  std::string prefix(kScheme);
  if (backend.kind == config::Address::Kind::Unix) return prefix + "localhost";
  const bool ipv6 = backend.host.find(':') != std::string::npos;
  if (ipv6) prefix.push_back('[');
  prefix.append(backend.host);
  if (ipv6) prefix.push_back(']');
  if (backend.port != kApacheDefaultPort) prefix.append(":").append(std::to_string(backend.port));
  return prefix;
}

Script find_script(const config::Route& route, const config::Member& member,
                   std::string_view apache, std::string_view path, ScriptScratch& scratch) {
  Script script = split(route, path, scratch.path);
  if (route.script && apache.empty()) {
    script.script_filename = *route.script;
    return script;
  }
  std::string& filename = scratch.filename;
  filename.assign(apache);
  if (route.script) {
    filename.append(*route.script);
  } else {
    // Apache has no mount point to cut at: its file name goes to the end of the path.
    std::string_view name =
        apache.empty() || !route.split_path.empty() ? script.script_name : script.document_uri;
    const std::string_view mount = mount_point(route);
    const bool proxy_pass = !member.script_root.empty();
    if (proxy_pass && name.starts_with(mount)) name.remove_prefix(mount.size());
    filename.append(proxy_pass ? member.script_root : route.root);
    filename.append(name);
  }
  script.script_filename = filename;
  return script;
}

}  // namespace millrace::route
