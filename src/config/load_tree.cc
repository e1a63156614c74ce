// TOML text to a tree. The only file that includes the TOML library, which throws on a syntax
// error.
#include "config/load_tree.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cstddef>
#include <optional>

namespace millrace::config {
namespace {

Position position(const toml::source_region& region) {
  return {std::max<std::uint32_t>(region.begin.line, 1),
          std::max<std::uint32_t>(region.begin.column, 1)};
}

Node convert(const toml::node& from);

// The library keeps a table sorted by key; file order is what env_if, faults and people expect.
std::vector<Entry> convert_entries(const toml::table& from) {
  std::vector<Entry> entries;
  for (const auto& [key, value] : from) {
    entries.push_back({std::string(key.str()), position(key.source()), convert(value)});
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.at < b.at; });
  return entries;
}

Node convert(const toml::node& from) {
  Node node;
  node.at = position(from.source());
  switch (from.type()) {
    case toml::node_type::none:
    case toml::node_type::table:
      node.kind = Node::Kind::Table;
      node.entries = convert_entries(*from.as_table());
      break;
    case toml::node_type::array:
      node.kind = Node::Kind::List;
      for (const toml::node& item : *from.as_array()) {
        node.items.push_back(convert(item));
      }
      break;
    case toml::node_type::string:
      node.kind = Node::Kind::Text;
      node.text = from.as_string()->get();
      break;
    case toml::node_type::integer:
      node.kind = Node::Kind::Integer;
      node.integer = from.as_integer()->get();
      break;
    case toml::node_type::floating_point:
      node.kind = Node::Kind::Number;
      node.number = from.as_floating_point()->get();
      break;
    case toml::node_type::boolean:
      node.kind = Node::Kind::Flag;
      node.flag = from.as_boolean()->get();
      break;
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
      node.kind = Node::Kind::Time;
      break;
  }
  return node;
}

// The end of the string that begins at `start`, or of the line where a string of one line has none.
std::size_t end_of_string(std::string_view text, std::size_t start) {
  const char quote = text[start];
  const std::string three(3, quote);
  const bool multiline = text.substr(start).starts_with(three);
  const std::string_view end = multiline ? std::string_view(three) : text.substr(start, 1);
  for (std::size_t at = start + end.size(); at < text.size(); ++at) {
    if (quote == '"' && text[at] == '\\') {
      ++at;
    } else if (text.substr(at).starts_with(end)) {
      return at + end.size();
    } else if (!multiline && text[at] == '\n') {
      return at;
    }
  }
  return text.size();
}

// The library descends once more for each part of a dotted key and limits only other nesting, so
// that a long enough key would overflow the stack. Nothing where all keys are short.
std::optional<Position> too_deep_key(std::string_view text) {
  constexpr std::size_t kPartsMax = 64;
  std::size_t dots = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"' || c == '\'') {
      at = end_of_string(text, at) - 1;
    } else if (c == '#') {
      at = std::min(text.find('\n', at), text.size()) - 1;
    } else if (c == '=' || c == ',' || c == '{' || c == '[' || c == '\n') {
      dots = 0;
    } else if (c == '.' && ++dots >= kPartsMax) {
      const std::string_view before = text.substr(0, at);
      const auto lines = std::count(before.begin(), before.end(), '\n');
      const std::size_t column = before.size() - (before.rfind('\n') + 1);
      return Position{static_cast<std::uint32_t>(lines) + 1,
                      static_cast<std::uint32_t>(column) + 1};
    }
  }
  return std::nullopt;
}

}  // namespace

Tree parse_tree(std::string_view text) {
  Tree tree;
  if (const auto deep = too_deep_key(text)) {
    tree.faults.push_back({deep->line, deep->column, "a key with too many dots", {}});
    return tree;
  }
  try {
    tree.root = convert(toml::parse(text));
    tree.root.at = {};
  } catch (const toml::parse_error& error) {
    const Position at = position(error.source());
    tree.faults.push_back({at.line, at.column, std::string(error.description()), {}});
  }
  return tree;
}

}  // namespace millrace::config
