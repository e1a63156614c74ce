// A TOML document as a plain tree with positions, in file order. The rest of the loader works on it
// and never sees the TOML library.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"

namespace millrace::config {

struct Position {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  friend bool operator<(const Position& a, const Position& b) {
    return a.line != b.line ? a.line < b.line : a.column < b.column;
  }
};

struct Entry;

struct Node {
  enum class Kind : std::uint8_t { Text, Integer, Number, Flag, Time, List, Table };
  Kind kind = Kind::Table;
  Position at;
  std::string text;
  std::int64_t integer = 0;
  double number = 0;
  bool flag = false;
  std::vector<Node> items;     // List
  std::vector<Entry> entries;  // Table
};

struct Entry {
  std::string key;
  Position at;
  Node value;
};

// The tree, or the one fault at which the parser stopped.
struct Tree {
  Node root;
  std::vector<Fault> faults;
};
[[nodiscard]] Tree parse_tree(std::string_view text);

}  // namespace millrace::config
