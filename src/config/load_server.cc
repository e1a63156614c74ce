// [server], [log], [[listen]], [limits] and [timeouts].
#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>

#include "config/load_build.h"

namespace millrace::config {
namespace {

constexpr std::size_t kAccountBytes = 16'384;
constexpr std::uint64_t kAny = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t kWorkersMax = 1024;
constexpr std::uint64_t kBacklogMax = std::numeric_limits<std::int32_t>::max();

// An empty table stands for one that isn't there.
const Node& child(Table& parent, std::string_view key) {
  static const Node empty;
  const Entry* entry = parent.find(key);
  return entry == nullptr ? empty : entry->value;
}

void read_workers(Table& table, std::uint32_t& out) {
  const Entry* entry = table.find("workers");
  if (entry == nullptr) return;
  const Node& value = entry->value;
  if (value.kind == Node::Kind::Text && value.text == "auto") return;
  const auto number = static_cast<std::uint64_t>(value.integer);
  if (value.kind == Node::Kind::Integer && number >= 1 && number <= kWorkersMax) {
    out = static_cast<std::uint32_t>(number);
    return;
  }
  table.fault(value, "workers", "\"auto\" or " + range_text(1, kWorkersMax));
}

// Found out now, and not only when root's privileges are to be dropped.
void check_user(Faults& faults, const Node* node) {
  if (node == nullptr) return;
  std::array<char, kAccountBytes> space{};
  passwd entry{};
  passwd* found = nullptr;
  const int failed = ::getpwnam_r(node->text.c_str(), &entry, space.data(), space.size(), &found);
  if (failed == 0 && found == nullptr) faults.add(node->at, "no user " + in_quotes(node->text));
}

void check_group(Faults& faults, const Node* node) {
  if (node == nullptr) return;
  std::array<char, kAccountBytes> space{};
  group entry{};
  group* found = nullptr;
  const int failed = ::getgrnam_r(node->text.c_str(), &entry, space.data(), space.size(), &found);
  if (failed == 0 && found == nullptr) faults.add(node->at, "no group " + in_quotes(node->text));
}

void read_listener(Build& build, const Node& node, std::vector<Position>& positions) {
  Table table(build.faults, node, "listen", "an element of \"listen\"");
  Listener listener;
  std::uint64_t backlog = static_cast<std::uint64_t>(listener.backlog);
  table.count("backlog", 1, kBacklogMax, backlog);
  listener.backlog = static_cast<int>(backlog);
  const Node* name = table.text("name", listener.name);
  const Entry* address = table.find("address");
  table.finish();
  if (address == nullptr) {
    if (table.valid()) build.faults.add(node.at, "\"address\" is missing");
    return;
  }
  Problem problem;
  const auto parsed = listener_of(address->value, "address", problem);
  if (!parsed) {
    build.faults.add(address->value.at, problem.message, problem.hint);
  } else {
    listener.address = *parsed;
  }
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const Listener& other = build.config.listeners[i];
    if (parsed && other.address == listener.address) {
      build.faults.add(address->value.at, in_quotes(listener.address.text()) +
                                              " is listened on already " + at_line(positions[i]));
    }
    if (name != nullptr && other.name == listener.name) {
      build.faults.add(name->at, in_quotes(listener.name) + " is a listener's name already " +
                                     at_line(positions[i]));
    }
  }
  // A faulty one is kept, so that references to its name don't dangle.
  build.config.listeners.push_back(listener);
  positions.push_back(node.at);
}

void fault_on_route(Table& table, std::string_view section,
                    std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    const Entry* entry = table.find(key);
    if (entry == nullptr) continue;
    table.faults().add(
        entry->at,
        in_quotes(key) + " can't be a route's: it is needed before the " + "route is known",
        "set it in [" + std::string(section) + "]");
  }
}

}  // namespace

std::string at_line(Position at) {
  return "(line " + std::to_string(at.line) + ")";
}

void read_server(Build& build, Table& root) {
  Table table(build.faults, child(root, "server"), "server", in_quotes("server"));
  Server& server = build.config.server;
  read_workers(table, server.workers);
  check_user(build.faults, table.text("user", server.user));
  check_group(build.faults, table.text("group", server.group));
  table.text("pid_file", server.pid_file);
  table.count("max_connections", 0, kAny, server.max_connections);
  table.duration("shutdown_timeout", server.shutdown_timeout);
  table.flag("server_tokens", server.server_tokens);
  table.finish();
}

void read_log(Build& build, Table& root) {
  Table table(build.faults, child(root, "log"), "log", in_quotes("log"));
  Log& log = build.config.log;
  table.text("access", log.access);
  table.text("error", log.error);
  std::size_t format = static_cast<std::size_t>(log.format);
  table.choice("format", {"json", "combined"}, format);
  log.format = format == 0 ? Log::Format::Json : Log::Format::Combined;
  std::size_t level = static_cast<std::size_t>(log.level);
  table.choice("level", {"error", "warn", "info", "debug"}, level);
  constexpr std::array kLevels = {LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug};
  log.level = kLevels[level];
  table.finish();
}

void read_listeners(Build& build, Table& root) {
  const std::size_t faults_before = build.faults.count();
  std::vector<Position> positions;
  for (const Node* node : root.tables("listen")) {
    read_listener(build, *node, positions);
  }
  if (!positions.empty() || build.faults.count() != faults_before) return;
  build.faults.add({}, "no [[listen]]: nothing is listened on");
}

void read_limits(Table& parent, Limits& out, bool of_route) {
  Table table(parent.faults(), child(parent, "limits"), "limits", in_quotes("limits"));
  table.size("body", out.body);
  table.size("response_header_bytes", out.response_header_bytes);
  // Compared with whenever a piece of a response has come: no limit is one that is never reached.
  table.size("response_buffer", out.response_buffer);
  if (out.response_buffer == 0) out.response_buffer = kAny;
  if (of_route) {
    fault_on_route(table, "limits", {"uri", "header_bytes", "headers", "requests_per_connection"});
  } else {
    table.size("uri", out.uri);
    table.size("header_bytes", out.header_bytes);
    table.count("headers", 0, kAny, out.headers);
    table.count("requests_per_connection", 0, kAny, out.requests_per_connection);
  }
  table.finish();
}

void read_timeouts(Table& parent, Timeouts& out, bool of_route) {
  Table table(parent.faults(), child(parent, "timeouts"), "timeouts", in_quotes("timeouts"));
  table.duration("body", out.body);
  table.duration("send", out.send);
  table.duration("connect", out.connect);
  table.duration("response", out.response);
  table.duration("total", out.total);
  if (of_route) {
    fault_on_route(table, "timeouts", {"header", "keepalive"});
  } else {
    table.duration("header", out.header);
    table.duration("keepalive", out.keepalive);
  }
  table.finish();
}

}  // namespace millrace::config
