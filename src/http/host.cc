#include "http/host.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/ascii.h"

namespace millrace::http {
namespace {

// unreserved and sub-delims of RFC 3986 2.2, 2.3; "%" and "." are for the caller.
bool is_name_char(char c) {
  constexpr std::string_view kOthers = "-_~!$&'()*+,;=";
  return base::is_alnum(c) || kOthers.find(c) != std::string_view::npos;
}

// RFC 3986 3.2.2 reg-name, in which no label may be empty.
bool is_reg_name(std::string_view name) {
  bool label_empty = true;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '.') {
      if (label_empty) return false;
      label_empty = true;
      continue;
    }
    label_empty = false;
    if (is_name_char(name[i])) continue;
    if (name[i] != '%' || name.size() - i < 3 || base::hex_value(name[i + 1]) < 0 ||
        base::hex_value(name[i + 2]) < 0) {
      return false;
    }
    i += 2;
  }
  return !label_empty;
}

bool is_ipv6(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> terminated = {};
  if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) return false;
  std::copy(text.begin(), text.end(), terminated.begin());
  in6_addr address = {};
  return inet_pton(AF_INET6, terminated.data(), &address) == 1;
}

// RFC 3986 3.2.2 IPvFuture: "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" ).
bool is_ip_future(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos || dot < 2 || base::to_lower(text.front()) != 'v') return false;
  const std::string_view version = text.substr(1, dot - 1);
  const std::string_view address = text.substr(dot + 1);
  return !address.empty() && std::all_of(version.begin(), version.end(), [](char c) {
    return base::hex_value(c) >= 0;
  }) && std::all_of(address.begin(), address.end(), [](char c) {
    return is_name_char(c) || c == '.' || c == ':';
  });
}

// What follows the host: nothing, or ":" and a port, which may be empty (RFC 3986 3.2.3).
bool is_port_part(std::string_view text) {
  if (text.empty() || text == ":") return true;
  constexpr std::uint64_t kPortMax = 65535;
  return text.front() == ':' &&
         base::parse_decimal(text.substr(1)).value_or(kPortMax + 1) <= kPortMax;
}

}  // namespace

std::optional<std::string_view> normalize_host(std::string_view text, std::string& scratch) {
  const bool literal = !text.empty() && text.front() == '[';
  const std::size_t bracket = literal ? text.find(']') : 0;
  if (bracket == std::string_view::npos) return std::nullopt;
  const std::size_t end = literal ? bracket + 1 : std::min(text.find(':'), text.size());
  std::string_view host = text.substr(0, end);
  if (!is_port_part(text.substr(end))) return std::nullopt;
  if (literal) {
    const std::string_view address = host.substr(1, host.size() - 2);
    if (!is_ipv6(address) && !is_ip_future(address)) return std::nullopt;
  } else {
    if (!host.empty() && host.back() == '.') host.remove_suffix(1);
    if (!is_reg_name(host)) return std::nullopt;
  }
  const auto is_upper = [](char c) { return base::to_lower(c) != c; };
  if (std::none_of(host.begin(), host.end(), is_upper)) return host;
  scratch.resize(host.size());
  std::transform(host.begin(), host.end(), scratch.begin(), base::to_lower);
  return scratch;
}

}  // namespace millrace::http
