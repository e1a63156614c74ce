// The loader's entry points, and how a fault is shown. The parts are in load_*.cc.
#include "config/load.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "config/load_build.h"

namespace millrace::config {
namespace {

constexpr std::size_t kFileMax = 16 << 20;

// The order matters where one part refers to another: routes inherit limits, sites name listeners.
void read_all(Build& build, const Node& node) {
  Table root(build.faults, node, "", "the file");
  read_server(build, root);
  read_log(build, root);
  read_limits(root, build.config.limits, false);
  read_timeouts(root, build.config.timeouts, false);
  read_listeners(build, root);
  read_balancers(build, root);
  read_sites(build, root);
  root.finish();
}

std::string_view line_of(std::string_view source, std::uint32_t line) {
  for (std::uint32_t i = 1; i < line; ++i) {
    const std::size_t end = source.find('\n');
    if (end == std::string_view::npos) return {};
    source.remove_prefix(end + 1);
  }
  source = source.substr(0, source.find('\n'));
  if (source.ends_with('\r')) source.remove_suffix(1);
  return source;
}

// As wide as what is left of the column: one character for each, and tabs stay tabs.
std::string indent_to(std::string_view line, std::uint32_t column) {
  std::string out;
  for (const char c : line) {
    const bool continues = (static_cast<unsigned char>(c) & 0xc0) == 0x80;
    if (continues) continue;
    if (out.size() + 1 >= column) break;
    out += c == '\t' ? '\t' : ' ';
  }
  return out;
}

// Nothing of a file can control the terminal.
std::string printable(std::string_view line) {
  std::string out(line);
  std::replace_if(
      out.begin(), out.end(),
      [](char c) { return c != '\t' && has_control_bytes(std::string_view(&c, 1)); }, '?');
  return out;
}

}  // namespace

Loaded load_text(std::string_view text, std::string_view file_name) {
  Loaded loaded;
  loaded.source = text;
  Tree tree = parse_tree(text);
  if (!tree.faults.empty()) {
    loaded.faults = std::move(tree.faults);
    return loaded;
  }
  Build build;
  build.config.file = file_name;
  read_all(build, tree.root);
  loaded.faults = build.faults.sorted();
  if (loaded.faults.empty()) loaded.config = std::move(build.config);
  return loaded;
}

Loaded load_file(const std::string& path) {
  std::string error;
  const auto text = contents_of(path, kFileMax, error);
  if (text) return load_text(*text, path);
  Loaded loaded;
  loaded.faults.push_back({0, 0, "can't be read: " + error, {}});
  return loaded;
}

std::string render(const Fault& fault, std::string_view file, std::string_view source) {
  std::string out(file);
  if (fault.line == 0) return out + ": " + fault.message;
  out += ':' + std::to_string(fault.line) + ':' + std::to_string(fault.column) + ": ";
  out += fault.message;
  const std::string_view line = line_of(source, fault.line);
  if (!line.empty()) {
    out += '\n' + printable(line);
    out += '\n' + indent_to(line, fault.column) + '^';
  }
  if (!fault.hint.empty()) out += "\n  hint: " + fault.hint;
  return out;
}

}  // namespace millrace::config
