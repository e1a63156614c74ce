// Typed reading of tables, and the list of what the schema has but the program has not yet.
#include "config/load_table.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>

namespace millrace::config {
namespace {

// The one list of what is refused by name. Whoever implements a key reads it in the loader and
// removes its line here. With a value, only that value of the key is refused; kOthers stands for
// every value but the default.
struct Unsupported {
  std::string_view section;
  std::string_view key;
  std::string_view value;
};
constexpr std::string_view kOthers = "*";
constexpr std::array kUnsupported = std::to_array<Unsupported>({
    {"", "admin", {}},
    {"server", "control", {}},
    {"server", "state_file", {}},
    {"listen", "tls", {}},
    {"listen", "http2", {}},
    {"listen", "proxy_protocol", {}},
    {"listen", "trusted_proxies", {}},
    {"log", "access", kOthers},
    {"site", "index", {}},
    {"site", "php", {}},
    {"site", "access_log", {}},
    {"route", "files", {}},
    {"route", "fallback", {}},
    {"route", "authorize", {}},
    {"route", "x_sendfile", {}},
    {"member", "set", {}},
    {"member", "state", {}},
    {"balancer", "set", {}},
    {"balancer", "state", {}},
    {"balancer", "method", "bytraffic"},
    {"balancer", "method", "bybusyness"},
    {"balancer", "method", "heartbeat"},
    {"balancer", "method", "two-choices"},
    {"balancer", "method", "hash"},
    {"balancer", "hash_key", {}},
    {"balancer", "sticky", {}},
    {"balancer", "failover", {}},
    {"balancer", "fail_on_status", {}},
    {"balancer", "fail_on_timeout", {}},
    {"balancer", "force_recovery", {}},
    {"balancer", "health", {}},
});

std::string alternatives(const std::vector<std::string_view>& choices) {
  std::string out;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (i > 0) out += i + 1 == choices.size() ? " or " : ", ";
    out += in_quotes(choices[i]);
  }
  return out;
}

}  // namespace

bool is_unsupported(std::string_view section, std::string_view key) {
  return std::any_of(kUnsupported.begin(), kUnsupported.end(), [&](const Unsupported& one) {
    return one.section == section && one.key == key && one.value.empty();
  });
}

bool is_text(const Node& node) {
  return node.kind == Node::Kind::Text && !node.text.empty() && !has_control_bytes(node.text);
}

std::string must_be(std::string_view key, std::string_view expected, const Node& value) {
  return in_quotes(key) + " must be " + std::string(expected) + ", not " + described(value);
}

std::string range_text(std::uint64_t low, std::uint64_t high) {
  const std::string from = std::to_string(low);
  if (high >= std::numeric_limits<std::int64_t>::max()) return "a number, " + from + " or more";
  return "a number from " + from + " to " + std::to_string(high);
}

std::vector<Fault> Faults::sorted() {
  std::stable_sort(list_.begin(), list_.end(), [](const Fault& a, const Fault& b) {
    return Position{a.line, a.column} < Position{b.line, b.column};
  });
  return std::move(list_);
}

Table::Table(Faults& faults, const Node& node, std::string_view section, const std::string& what)
    : faults_(faults), node_(node), section_(section), valid_(node.kind == Node::Kind::Table) {
  if (!valid_) faults.add(node.at, what + " must be a table, not " + described(node));
}

const Entry* Table::look_up(std::string_view key) const {
  const auto found = std::find_if(node_.entries.begin(), node_.entries.end(),
                                  [&](const Entry& entry) { return entry.key == key; });
  return found == node_.entries.end() ? nullptr : &*found;
}

const Entry* Table::find(std::string_view key) {
  asked_.push_back(key);
  return look_up(key);
}

void Table::fault(const Node& value, std::string_view key, std::string_view expected,
                  std::string hint) {
  faults_.add(value.at, must_be(key, expected, value), std::move(hint));
}

bool Table::supported(const Node& value, std::string_view key) {
  for (const Unsupported& one : kUnsupported) {
    const bool same = one.value == kOthers || one.value == value.text;
    if (one.section != section_ || one.key != key || one.value.empty() || !same) continue;
    faults_.add(value.at,
                std::string(key) + " = " + in_quotes(value.text) + " is not supported yet");
    return false;
  }
  return true;
}

bool Table::good_text(const Node& value, std::string_view key) {
  if (is_text(value)) return true;
  const bool control = value.kind == Node::Kind::Text && !value.text.empty();
  fault(value, key, control ? "a string without control bytes" : "a string that is not empty");
  return false;
}

const Node* Table::flag(std::string_view key, bool& out) {
  const Entry* entry = find(key);
  if (entry == nullptr) return nullptr;
  if (entry->value.kind != Node::Kind::Flag) {
    fault(entry->value, key, "true or false");
    return nullptr;
  }
  out = entry->value.flag;
  return &entry->value;
}

const Node* Table::text(std::string_view key, std::string& out) {
  const Entry* entry = find(key);
  if (entry == nullptr || !good_text(entry->value, key)) return nullptr;
  const bool is_default = entry->value.text == out;
  if (!is_default && !supported(entry->value, key)) return nullptr;
  out = entry->value.text;
  return &entry->value;
}

const Node* Table::path(std::string_view key, std::string& out) {
  const Entry* entry = find(key);
  if (entry == nullptr || !good_text(entry->value, key)) return nullptr;
  if (!entry->value.text.starts_with('/')) {
    fault(entry->value, key, "an absolute path");
    return nullptr;
  }
  out = entry->value.text;
  return &entry->value;
}

const Node* Table::count(std::string_view key, std::uint64_t low, std::uint64_t high,
                         std::uint64_t& out) {
  const Entry* entry = find(key);
  if (entry == nullptr) return nullptr;
  const Node& value = entry->value;
  const auto number = static_cast<std::uint64_t>(value.integer);
  const bool integer = value.kind == Node::Kind::Integer && value.integer >= 0;
  if (!integer || number < low || number > high) {
    fault(value, key, range_text(low, high));
    return nullptr;
  }
  out = number;
  return &value;
}

const Node* Table::duration(std::string_view key, Millis& out) {
  const Entry* entry = find(key);
  if (entry == nullptr) return nullptr;
  const auto value = duration_of(entry->value);
  if (!value) {
    fault(entry->value, key, kDurationForm, unit_hint(entry->value, true));
    return nullptr;
  }
  out = *value;
  return &entry->value;
}

const Node* Table::size(std::string_view key, std::uint64_t& out) {
  const Entry* entry = find(key);
  if (entry == nullptr) return nullptr;
  const auto value = size_of(entry->value);
  if (!value) {
    fault(entry->value, key, kSizeForm, unit_hint(entry->value, false));
    return nullptr;
  }
  out = *value;
  return &entry->value;
}

const Node* Table::choice(std::string_view key, const std::vector<std::string_view>& choices,
                          std::size_t& out) {
  const Entry* entry = find(key);
  if (entry == nullptr) return nullptr;
  const Node& value = entry->value;
  const auto found = std::find(choices.begin(), choices.end(), value.text);
  if (value.kind != Node::Kind::Text || found == choices.end()) {
    fault(value, key, alternatives(choices), did_you_mean(value.text, choices));
    return nullptr;
  }
  if (!supported(value, key)) return nullptr;
  out = static_cast<std::size_t>(found - choices.begin());
  return &value;
}

const Node* Table::texts(std::string_view key, std::vector<const Node*>& out) {
  const Entry* entry = find(key);
  if (entry == nullptr) return nullptr;
  if (entry->value.kind != Node::Kind::List) {
    fault(entry->value, key, "a list of strings");
    return nullptr;
  }
  for (const Node& item : entry->value.items) {
    if (!is_text(item)) {
      faults_.add(item.at, "an element of " + must_be(key, "a string that is not empty", item));
      continue;
    }
    const bool twice = std::any_of(out.begin(), out.end(),
                                   [&](const Node* other) { return other->text == item.text; });
    if (twice) {
      faults_.add(item.at, in_quotes(item.text) + " is in " + in_quotes(key) + " twice");
      continue;
    }
    out.push_back(&item);
  }
  return &entry->value;
}

const Node* Table::numbers(std::string_view key, std::int64_t low, std::int64_t high,
                           std::vector<int>& out) {
  const Entry* entry = find(key);
  if (entry == nullptr) return nullptr;
  const std::string range =
      range_text(static_cast<std::uint64_t>(low), static_cast<std::uint64_t>(high));
  if (entry->value.kind != Node::Kind::List) {
    fault(entry->value, key, "a list, each element " + range);
    return nullptr;
  }
  for (const Node& item : entry->value.items) {
    if (item.kind != Node::Kind::Integer || item.integer < low || item.integer > high) {
      faults_.add(item.at, "an element of " + must_be(key, range, item));
      continue;
    }
    const int number = static_cast<int>(item.integer);
    if (std::find(out.begin(), out.end(), number) != out.end()) {
      faults_.add(item.at, std::to_string(number) + " is in " + in_quotes(key) + " twice");
      continue;
    }
    out.push_back(number);
  }
  return &entry->value;
}

std::vector<const Node*> Table::tables(std::string_view key) {
  std::vector<const Node*> out;
  const Entry* entry = find(key);
  if (entry == nullptr) return out;
  if (entry->value.kind != Node::Kind::List) {
    const std::string header =
        section_ == "site" ? "[[site." + std::string(key) + "]]" : "[[" + std::string(key) + "]]";
    faults_.add(entry->at, must_be(key, "a list of tables, written " + header, entry->value));
    return out;
  }
  for (const Node& item : entry->value.items) {
    out.push_back(&item);
  }
  return out;
}

void Table::finish() {
  std::vector<std::string_view> known = asked_;
  for (const Unsupported& one : kUnsupported) {
    if (one.section == section_ && one.value.empty()) known.push_back(one.key);
  }
  for (const Entry& entry : node_.entries) {
    if (std::find(asked_.begin(), asked_.end(), entry.key) != asked_.end()) continue;
    if (is_unsupported(section_, entry.key)) {
      faults_.add(entry.at, in_quotes(entry.key) + " is not supported yet");
      continue;
    }
    faults_.add(entry.at, "unknown key " + in_quotes(entry.key), did_you_mean(entry.key, known));
  }
}

}  // namespace millrace::config
