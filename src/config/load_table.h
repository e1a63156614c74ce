// A table of the file while it is read. Each key is asked for by its name and type; finish() then
// faults every key that nothing asked for. A getter leaves `out` alone where the key is absent or
// faulty, so that defaults stay visible in config.h; it returns the value's node where it was good.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/load_tree.h"
#include "config/load_values.h"

namespace millrace::config {

class Faults {
 public:
  void add(Position at, std::string message, std::string hint = {}) {
    list_.push_back({at.line, at.column, std::move(message), std::move(hint)});
  }
  [[nodiscard]] std::size_t count() const { return list_.size(); }
  // In the order of the file.
  [[nodiscard]] std::vector<Fault> sorted();

 private:
  std::vector<Fault> list_;
};

class Table {
 public:
  // `section` names the kind of table in kUnsupported. A node that is no table is a fault that
  // calls it `what`, and then read like an empty one.
  Table(Faults& faults, const Node& node, std::string_view section, const std::string& what);
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  [[nodiscard]] Position at() const { return node_.at; }
  [[nodiscard]] Faults& faults() { return faults_; }
  // False where the node was no table: then nothing should be said about missing keys.
  [[nodiscard]] bool valid() const { return valid_; }

  // The key as it is, or null.
  const Entry* find(std::string_view key);
  // Whether the key is there, asked for or not.
  [[nodiscard]] bool has(std::string_view key) const { return look_up(key) != nullptr; }

  const Node* flag(std::string_view key, bool& out);
  // A string that is not empty and has no control bytes.
  const Node* text(std::string_view key, std::string& out);
  // An absolute path.
  const Node* path(std::string_view key, std::string& out);
  const Node* count(std::string_view key, std::uint64_t low, std::uint64_t high,
                    std::uint64_t& out);
  const Node* duration(std::string_view key, Millis& out);
  const Node* size(std::string_view key, std::uint64_t& out);
  // The index of the string in `choices`.
  const Node* choice(std::string_view key, const std::vector<std::string_view>& choices,
                     std::size_t& out);
  // A list of strings that are like text()'s and differ from each other.
  const Node* texts(std::string_view key, std::vector<const Node*>& out);
  // A list of different numbers.
  const Node* numbers(std::string_view key, std::int64_t low, std::int64_t high,
                      std::vector<int>& out);
  // The tables of [[key]], in file order. Anything else is a fault.
  [[nodiscard]] std::vector<const Node*> tables(std::string_view key);

  void fault(const Node& value, std::string_view key, std::string_view expected,
             std::string hint = {});
  void finish();

 private:
  [[nodiscard]] const Entry* look_up(std::string_view key) const;
  // False, and a fault, where this value of the key is in kUnsupported.
  bool supported(const Node& value, std::string_view key);
  bool good_text(const Node& value, std::string_view key);

  Faults& faults_;
  const Node& node_;
  std::string_view section_;
  bool valid_;
  std::vector<std::string_view> asked_;
};

// Whether the text() of a node is one: not empty, no control bytes.
[[nodiscard]] bool is_text(const Node& node);
// `"KEY" must be EXPECTED, not VALUE`
[[nodiscard]] std::string must_be(std::string_view key, std::string_view expected,
                                  const Node& value);
// The numbers' range in words: "a number from 1 to 10", "a number, 0 or more".
[[nodiscard]] std::string range_text(std::uint64_t low, std::uint64_t high);

// Whether `key` of `section` is part of the schema but not implemented yet.
[[nodiscard]] bool is_unsupported(std::string_view section, std::string_view key);

}  // namespace millrace::config
