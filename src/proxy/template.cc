#include "proxy/template.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/ascii.h"

namespace millrace::proxy {

namespace {

using config::Variable;

// Bytes that keep their meaning in a URI's path (RFC 3986 3.3), and those that may stand in any
// part of a URI: "%" of what is encoded already, "?", "#", "[" and "]".
constexpr std::string_view kPathOthers = "-._~!$&'()*+,;=:@/";
constexpr std::string_view kUriOthers = "-._~!$&'()*+,;=:@/%?#[]";

void append_escaped(std::string_view value, std::string_view others, std::string& out) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (const char c : value) {
    if (base::is_alnum(c) || others.find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 0xf];
  }
}

bool is_decoded(Variable variable) {
  return variable == Variable::Path || variable == Variable::ScriptName ||
         variable == Variable::PathInfo;
}

// The variables that are there already; Header and RequestUri may have to be put together.
std::string_view simple_value(Variable variable, const TemplateInput& input) {
  switch (variable) {
    case Variable::Host:
      return effective_host(input.head, input.site, input.facts);
    case Variable::Path:
      return input.head.path;
    case Variable::Query:
      return input.head.query;
    case Variable::Method:
      return input.head.method_text;
    case Variable::Scheme:
      return input.facts.scheme;
    case Variable::RemoteAddr:
      return input.facts.remote_addr;
    case Variable::RemotePort:
      return input.facts.remote_port;
    case Variable::ServerAddr:
      return input.facts.server_addr;
    case Variable::ServerPort:
      return input.facts.server_port;
    case Variable::TlsVersion:
      return input.facts.tls_version;
    case Variable::RequestId:
      return input.facts.request_id;
    case Variable::ScriptName:
      return input.script_name;
    case Variable::PathInfo:
      return input.path_info;
    case Variable::RequestUri:
    case Variable::Header:
      break;
  }
  return {};
}

}  // namespace

std::string_view effective_host(const http::RequestHead& head, const config::Site& site,
                                const RequestFacts& facts) {
  if (!head.host_name.empty()) return head.host_name;
  const auto name = std::find_if(site.hosts.begin(), site.hosts.end(),
                                 [](const std::string& host) { return !host.starts_with("*."); });
  return name == site.hosts.end() ? facts.server_addr : std::string_view(*name);
}

void append_value(const config::Template::Part& part, const TemplateInput& input, Escape escape,
                  std::string& out) {
  const Variable variable = *part.variable;
  std::string scratch;
  std::string_view value;
  if (variable == Variable::Header) {
    append_header(input.head, part.header, scratch);
    value = scratch;
  } else if (variable == Variable::RequestUri) {
    value = request_uri(input.head, scratch);
  } else {
    value = simple_value(variable, input);
  }
  if (escape == Escape::None) {
    out += value;
  } else {
    append_escaped(value, is_decoded(variable) ? kPathOthers : kUriOthers, out);
  }
}

void expand(const config::Template& text, const TemplateInput& input, Escape escape,
            std::string& out) {
  for (const config::Template::Part& part : text.parts) {
    out += part.literal;
    if (part.variable) append_value(part, input, escape, out);
  }
}

void append_header(const http::RequestHead& head, std::string_view name, std::string& out) {
  const std::string_view separator = name == "cookie" ? "; " : ", ";
  bool first = true;
  for (const http::Field& field : head.fields) {
    if (!base::equal_ignoring_case(field.name, name)) continue;
    if (!first) out += separator;
    out += field.value;
    first = false;
  }
}

std::string_view request_uri(const http::RequestHead& head, std::string& scratch) {
  constexpr std::string_view kSchemeEnd = "://";
  const std::string_view target = head.target;
  if (target.starts_with('/') || head.asterisk) return target;
  const std::size_t scheme_end = target.find(kSchemeEnd);
  if (scheme_end == std::string_view::npos) return target;
  const std::size_t path = target.find_first_of("/?", scheme_end + kSchemeEnd.size());
  if (path == std::string_view::npos) return "/";
  if (target[path] == '/') return target.substr(path);
  scratch.assign(1, '/');
  scratch.append(target.substr(path));
  return scratch;
}

}  // namespace millrace::proxy
