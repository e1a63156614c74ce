// Members, balancers and targets. Numbers of an address are collected over the whole file: what one
// place leaves out another may write, but two different numbers are a fault.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "config/load_build.h"

namespace millrace::config {
namespace {

constexpr std::uint64_t kAny = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t kCountMax = 1'000'000;
constexpr std::int64_t kRequestIdMax = 65'535;  // FastCGI 1.0 3.3: requestId has 16 bits

void read_weight(Table& table, std::uint32_t& out) {
  const Entry* entry = table.find("weight");
  if (entry == nullptr) return;
  const Node& value = entry->value;
  const bool integer = value.kind == Node::Kind::Integer;
  const double weight = integer ? static_cast<double>(value.integer) : value.number;
  const double hundredths = std::round(weight * 100);
  const bool exact = std::abs(weight * 100 - hundredths) < 1e-6;
  if ((integer || value.kind == Node::Kind::Number) && exact && hundredths >= 1 &&
      hundredths <= 10'000) {
    out = static_cast<std::uint32_t>(hundredths);
    return;
  }
  table.fault(value, "weight", "a number from 0.01 to 100 with two decimals at most");
}

// "auto", "off", or so many requests on a connection.
void read_multiplex(Table& table, std::uint16_t& out) {
  const Entry* entry = table.find("multiplex");
  if (entry == nullptr) return;
  const Node& value = entry->value;
  const bool number =
      value.kind == Node::Kind::Integer && value.integer >= 1 && value.integer <= kRequestIdMax;
  if (number) {
    out = static_cast<std::uint16_t>(value.integer);
  } else if (value.kind != Node::Kind::Text || (value.text != "auto" && value.text != "off")) {
    table.fault(value, "multiplex", "\"auto\", \"off\" or " + range_text(1, kRequestIdMax),
                did_you_mean(value.text, {"auto", "off"}));
  } else {
    out = value.text == "auto" ? kMultiplexAuto : 0;
  }
}

void read_fails(Table& parent, Member& member) {
  const Entry* entry = parent.find("fails");
  if (entry == nullptr) return;
  Table table(parent.faults(), entry->value, "fails", in_quotes("fails"));
  std::uint64_t count = member.fails_count;
  table.count("count", 1, kCountMax, count);
  member.fails_count = static_cast<std::uint32_t>(count);
  table.duration("within", member.fails_within);
  table.finish();
}

void read_count(Table& table, std::string_view key, std::optional<Written>& out) {
  Written written;
  const Node* node = table.count(key, 0, kAny, written.value);
  if (node == nullptr) return;
  written.at = node->at;
  out = written;
}

void read_duration(Table& table, std::string_view key, std::optional<Written>& out) {
  Millis value{0};
  const Node* node = table.duration(key, value);
  if (node != nullptr) out = {static_cast<std::uint64_t>(value.count()), node->at};
}

// Takes over a number, or says where the other one is that contradicts it.
void merge(Build& build, std::string_view key, const Address& address, bool milliseconds,
           std::optional<Written>& known, const std::optional<Written>& added) {
  if (!added) return;
  if (!known) known = added;
  if (known->value == added->value) return;
  const auto [first, second] =
      std::minmax(*known, *added, [](const Written& a, const Written& b) { return a.at < b.at; });
  const std::string unit = milliseconds ? " ms" : "";
  build.faults.add(second.at, in_quotes(key) + " of " + address.text() + " is " +
                                  std::to_string(second.value) + unit + " here and " +
                                  std::to_string(first.value) + unit + " in line " +
                                  std::to_string(first.at.line) + ": an address has one");
}

std::size_t backend_at(Build& build, const Address& address) {
  const auto [found, added] =
      build.backend_of.try_emplace(address.text(), build.config.backends.size());
  if (added) {
    build.config.backends.push_back({.address = address});
    build.numbers_of.emplace_back();
  }
  return found->second;
}

// Names and URLs of one balancer's members, each with its place.
struct Seen {
  std::string name;
  std::string url;
  Position at;
};

void check_duplicate(Build& build, const Member& member, Position at, std::vector<Seen>& seen) {
  const std::string url = build.config.backends[member.backend].address.text() + member.script_root;
  for (const Seen& other : seen) {
    if (other.url == url) {
      build.faults.add(at, in_quotes(member.url) + " is a member already " + at_line(other.at));
      return;
    }
    if (other.name == member.name) {
      build.faults.add(at,
                       in_quotes(member.name) + " is a member's name already " + at_line(other.at));
      return;
    }
  }
  seen.push_back({member.name, url, at});
}

void read_member(Build& build, const Node& node, const MemberKeys& defaults, Balancer& balancer,
                 std::vector<Seen>& seen) {
  if (node.kind == Node::Kind::Text) {
    build.faults.add(node.at, "an element of " + must_be("members", "a table", node),
                     "did you mean `{ url = " + in_quotes(node.text) + " }`?");
    return;
  }
  Table table(build.faults, node, "member", "an element of \"members\"");
  MemberKeys keys = defaults;
  read_member_keys(table, keys);
  const Node* name = table.text("name", keys.member.name);
  if (name != nullptr && !is_plain_name(name->text)) {
    table.fault(*name, "name", "letters, digits, - and _");
  }
  const Entry* url = table.find("url");
  table.finish();
  if (url == nullptr) {
    if (table.valid()) build.faults.add(node.at, "\"url\" is missing");
    return;
  }
  Problem problem;
  const auto target = target_of(url->value, "url", problem);
  if (target && target->balancer.empty()) {
    keys.member.url = url->value.text;
    if (name == nullptr) keys.member.name = keys.member.url;
    balancer.members.push_back(place_member(build, std::move(keys), *target));
    check_duplicate(build, balancer.members.back(), url->value.at, seen);
    return;
  }
  if (target) problem = {"a member of a balancer can't be a balancer", {}};
  build.faults.add(url->value.at, problem.message, problem.hint);
}

void read_balancer(Build& build, const Entry& entry) {
  Table table(build.faults, entry.value, "balancer", in_quotes(entry.key));
  Balancer balancer;
  balancer.name = entry.key;
  if (!is_plain_name(entry.key)) {
    build.faults.add(entry.at,
                     "a balancer's name has letters, digits, - and _, not " + in_quotes(entry.key));
  }
  std::size_t method = 0;
  table.choice("method",
               {"byrequests", "bytraffic", "bybusyness", "heartbeat", "two-choices", "hash"},
               method);
  std::uint64_t attempts = balancer.attempts;
  table.count("attempts", 0, kCountMax, attempts);
  balancer.attempts = static_cast<std::uint32_t>(attempts);
  MemberKeys defaults;
  read_member_keys(table, defaults);
  for (const std::string_view key : {"url", "name"}) {
    const Entry* wrong = table.find(key);
    if (wrong != nullptr) build.faults.add(wrong->at, in_quotes(key) + " belongs to a member");
  }
  const Entry* members = table.find("members");
  table.finish();
  std::vector<Seen> seen;
  if (members != nullptr && members->value.kind != Node::Kind::List) {
    table.fault(members->value, "members", "a list of tables");
  } else if (members != nullptr && !members->value.items.empty()) {
    for (const Node& node : members->value.items) {
      read_member(build, node, defaults, balancer, seen);
    }
  } else if (table.valid()) {
    build.faults.add(entry.at, "the balancer " + in_quotes(entry.key) + " has no members");
  }
  build.balancer_of.emplace(balancer.name, build.config.balancers.size());
  build.config.balancers.push_back(std::move(balancer));
}

std::optional<std::size_t> find_balancer(Build& build, const std::string& name, Position at) {
  const auto found = build.balancer_of.find(name);
  if (found != build.balancer_of.end()) return found->second;
  std::vector<std::string_view> known;
  known.reserve(build.balancer_of.size());
  for (const auto& [other, index] : build.balancer_of) {
    known.emplace_back(other);
  }
  build.faults.add(at, "no [balancer." + name + "]", did_you_mean(name, known));
  return std::nullopt;
}

}  // namespace

void read_member_keys(Table& table, MemberKeys& keys) {
  Member& member = keys.member;
  table.flag("reuse", member.reuse);
  read_multiplex(table, member.multiplex);
  std::size_t probe = member.probe ? 0 : 1;
  table.choice("probe", {"auto", "off"}, probe);
  member.probe = probe == 0;
  read_count(table, "max", keys.numbers.max);
  read_count(table, "slots", keys.numbers.slots);
  read_count(table, "idle", keys.numbers.idle);
  read_duration(table, "idle_timeout", keys.numbers.idle_timeout);
  read_duration(table, "queue", keys.numbers.queue);
  read_weight(table, member.weight);
  table.duration("retry", member.retry);
  read_fails(table, member);
  table.flag("retry_non_idempotent", member.retry_non_idempotent);
}

Member place_member(Build& build, MemberKeys keys, const Target& target) {
  Member member = std::move(keys.member);
  member.backend = backend_at(build, target.address);
  member.script_root = target.script_root;
  Numbers& known = build.numbers_of[member.backend];
  const Numbers& added = keys.numbers;
  merge(build, "max", target.address, false, known.max, added.max);
  merge(build, "slots", target.address, false, known.slots, added.slots);
  merge(build, "idle", target.address, false, known.idle, added.idle);
  merge(build, "idle_timeout", target.address, true, known.idle_timeout, added.idle_timeout);
  merge(build, "queue", target.address, true, known.queue, added.queue);
  Backend& backend = build.config.backends[member.backend];
  if (known.max) backend.max = known.max->value;
  if (known.slots) backend.slots = known.slots->value;
  if (known.idle) backend.idle = known.idle->value;
  const auto millis = [](const Written& written) {
    return Millis{static_cast<Millis::rep>(written.value)};
  };
  if (known.idle_timeout) backend.idle_timeout = millis(*known.idle_timeout);
  if (known.queue) backend.queue = millis(*known.queue);
  return member;
}

void read_balancers(Build& build, Table& root) {
  const Entry* all = root.find("balancer");
  if (all == nullptr) return;
  if (all->value.kind != Node::Kind::Table) {
    root.faults().add(all->at, must_be("balancer", "tables, written [balancer.NAME]", all->value));
    return;
  }
  for (const Entry& entry : all->value.entries) {
    read_balancer(build, entry);
  }
}

std::optional<std::size_t> read_target(Build& build, const Node& node, std::string_view key) {
  const bool bare = node.kind != Node::Kind::Table;
  const Node* url = &node;
  MemberKeys keys;
  std::optional<Position> first_key;
  if (!bare) {
    Table table(build.faults, node, "member", in_quotes(key));
    read_member_keys(table, keys);
    table.text("name", keys.member.name);
    const Entry* entry = table.find("url");
    table.finish();
    if (entry == nullptr) {
      build.faults.add(node.at, "\"url\" is missing");
      return std::nullopt;
    }
    url = &entry->value;
    for (const Entry& other : node.entries) {
      if (other.key != "url" && !first_key) first_key = other.at;
    }
  }
  Problem problem;
  const auto target = target_of(*url, bare ? key : "url", problem);
  if (!target) {
    build.faults.add(url->at, problem.message, problem.hint);
    return std::nullopt;
  }
  if (!target->balancer.empty()) {
    if (first_key) {
      build.faults.add(*first_key, "the members of a balancer have their keys in [balancer." +
                                       target->balancer + "]");
    }
    return find_balancer(build, target->balancer, url->at);
  }
  keys.member.url = url->text;
  if (keys.member.name.empty()) keys.member.name = url->text;
  Balancer balancer;
  balancer.name = url->text;
  balancer.plain = true;
  balancer.members.push_back(place_member(build, std::move(keys), *target));
  build.config.balancers.push_back(std::move(balancer));
  return build.config.balancers.size() - 1;
}

}  // namespace millrace::config
