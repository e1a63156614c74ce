// TOML text to a tree. The only file that includes the TOML library, which throws on a syntax
// error.
#include "config/load_tree.h"

#include <toml++/toml.h>

#include <algorithm>

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

}  // namespace

Tree parse_tree(std::string_view text) {
  Tree tree;
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
