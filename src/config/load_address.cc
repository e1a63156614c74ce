// HOST:PORT, unix:/PATH, fcgi:// and balancer://. See load_address.h.
#include "config/load_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/ascii.h"
#include "config/load_table.h"

namespace millrace::config {
namespace {

constexpr std::string_view kListenerForm =
    R"("ADDRESS:PORT", "[ADDRESS]:PORT" or "unix:/PATH" with a numeric address)";
constexpr std::string_view kTargetForm =
    R"("fcgi://HOST:PORT/", "unix:/PATH" or "balancer://NAME/")";
constexpr std::string_view kPortHint = "a port is a number from 1 to 65535";
// The kernel wants room for the NUL at the end.
constexpr std::size_t kUnixPathMax = sizeof(sockaddr_un::sun_path) - 1;

std::string meant(std::string_view text) {
  return "did you mean `" + std::string(text) + "`?";
}

// What is between the host and its port, or a problem's hint.
struct HostPort {
  std::string host;  // without brackets, as written
  bool bracketed = false;
  std::uint16_t port = 0;
  std::string hint;  // not empty: the text was no HOST:PORT
};

HostPort split_host_port(std::string_view text) {
  HostPort out;
  std::size_t colon = text.rfind(':');
  out.bracketed = text.starts_with('[');
  if (out.bracketed) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) {
      out.hint = "the [ is not closed";
      return out;
    }
    out.host = text.substr(1, end - 1);
    colon = end + 1 < text.size() && text[end + 1] == ':' ? end + 1 : std::string_view::npos;
  } else {
    out.host = text.substr(0, colon);
    if (text.find(':') != colon) {
      out.hint = "an IPv6 address is written in brackets: [ADDRESS]:PORT";
      return out;
    }
  }
  if (colon == std::string_view::npos) {
    out.hint = "the port is missing: " + std::string(text) + ":PORT";
    return out;
  }
  const auto port = base::parse_decimal(text.substr(colon + 1));
  if (!port || *port < 1 || *port > 65535) {
    out.hint = kPortHint;
    return out;
  }
  out.port = static_cast<std::uint16_t>(*port);
  return out;
}

std::optional<Address> unix_address(std::string_view path, const std::string& wrong,
                                    Problem& problem) {
  if (!path.starts_with('/')) {
    problem = {wrong, "the path of a Unix socket begins with /"};
    return std::nullopt;
  }
  if (path.starts_with("//")) {
    problem = {wrong, meant("unix:" + std::string(path.substr(path.find_first_not_of('/') - 1)))};
    return std::nullopt;
  }
  if (path.size() > kUnixPathMax) {
    problem = {"the path of a Unix socket has at most " + std::to_string(kUnixPathMax) +
                   " bytes, this one " + std::to_string(path.size()),
               {}};
    return std::nullopt;
  }
  Address address;
  address.kind = Address::Kind::Unix;
  address.path = path;
  return address;
}

// SCRIPT_ROOT is compared with nothing and only put in front: it must be what the backend opens.
bool is_script_root(std::string_view path) {
  if (path.find_first_of("?#%") != std::string_view::npos) return false;
  const std::string closed = std::string(path) + '/';
  return closed.find("/../") == std::string::npos && closed.find("/./") == std::string::npos;
}

std::optional<Target> fcgi_target(std::string_view rest, const std::string& wrong,
                                  Problem& problem) {
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  const HostPort parts = split_host_port(rest.substr(0, slash));
  const auto numeric = numeric_host(parts.host);
  const bool good_host = parts.bracketed ? numeric.has_value() : is_plain_name(parts.host);
  if (!parts.hint.empty() || !good_host) {
    problem = {wrong, parts.hint.empty() ? in_quotes(parts.host) + " is no host" : parts.hint};
    return std::nullopt;
  }
  if (!is_script_root(rest.substr(slash))) {
    problem = {wrong, "what follows the port is a plain path, put in front of the script's name"};
    return std::nullopt;
  }
  Target target;
  target.address.host = numeric.value_or(lower_case(parts.host));
  target.address.port = parts.port;
  target.script_root = without_last_slash(rest.substr(slash));
  return target;
}

std::string target_hint(std::string_view text) {
  if (text.starts_with('/')) return meant("unix:" + std::string(text));
  const std::size_t scheme = text.find("://");
  if (scheme == std::string_view::npos) {
    return split_host_port(text).hint.empty() ? meant("fcgi://" + std::string(text) + '/') : "";
  }
  if (text.starts_with("tcp://")) return meant("fcgi" + std::string(text.substr(scheme)));
  return "applications are asked by FastCGI only";
}

}  // namespace

bool is_plain_name(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  if (name.front() == '.' || name.back() == '.') return false;
  if (name.find("..") != std::string_view::npos) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return base::is_alnum(c) || c == '-' || c == '_' || c == '.'; });
}

std::optional<std::string> numeric_host(std::string_view text) {
  const std::string host(text);
  std::array<char, INET6_ADDRSTRLEN> name{};
  in_addr four{};
  in6_addr six{};
  if (::inet_pton(AF_INET, host.c_str(), &four) == 1) {
    return ::inet_ntop(AF_INET, &four, name.data(), name.size());
  }
  if (::inet_pton(AF_INET6, host.c_str(), &six) == 1) {
    return ::inet_ntop(AF_INET6, &six, name.data(), name.size());
  }
  return std::nullopt;
}

std::optional<Address> listener_of(const Node& node, std::string_view key, Problem& problem) {
  const std::string wrong = must_be(key, kListenerForm, node);
  const std::string_view text = node.text;
  if (!is_text(node)) {
    problem = {wrong, {}};
    if (node.kind == Node::Kind::Integer && node.integer > 0) {
      problem.hint = meant("\"0.0.0.0:" + std::to_string(node.integer) + '"');
    }
    return std::nullopt;
  }
  if (text.starts_with("unix:")) return unix_address(text.substr(5), wrong, problem);
  problem = {wrong, {}};
  if (text.starts_with('/')) {
    problem.hint = meant("unix:" + std::string(text));
    return std::nullopt;
  }
  for (const std::string_view any : {"", ":", "*:"}) {
    if (!text.starts_with(any) || !base::parse_decimal(text.substr(any.size()))) continue;
    problem.hint = meant("0.0.0.0:" + std::string(text.substr(any.size())));
    return std::nullopt;
  }
  const HostPort parts = split_host_port(text);
  const auto numeric = numeric_host(parts.host);
  if (!parts.hint.empty()) {
    problem.hint = parts.hint;
    return std::nullopt;
  }
  if (!numeric || parts.bracketed != (numeric->find(':') != std::string::npos)) {
    problem.hint = in_quotes(parts.host) + " is not a numeric address, and names are not looked up";
    return std::nullopt;
  }
  Address address;
  address.host = *numeric;
  address.port = parts.port;
  return address;
}

std::optional<Target> target_of(const Node& node, std::string_view key, Problem& problem) {
  const std::string wrong = must_be(key, kTargetForm, node);
  const std::string_view text = node.text;
  problem = {wrong, {}};
  if (!is_text(node)) return std::nullopt;
  Target target;
  if (text.starts_with("unix:")) {
    const std::size_t bar = text.find('|');
    if (bar != std::string_view::npos) {
      problem.hint = meant(text.substr(0, bar));
      return std::nullopt;
    }
    const auto address = unix_address(text.substr(5), wrong, problem);
    if (!address) return std::nullopt;
    target.address = *address;
    return target;
  }
  if (text.starts_with("fcgi://")) return fcgi_target(text.substr(7), wrong, problem);
  if (!text.starts_with("balancer://")) {
    problem.hint = target_hint(text);
    return std::nullopt;
  }
  target.balancer = text.substr(11);
  if (target.balancer.ends_with('/')) target.balancer.pop_back();
  if (is_plain_name(target.balancer)) return target;
  problem.hint = "a balancer's name has letters, digits, - and _";
  return std::nullopt;
}

}  // namespace millrace::config
