// Config to text. See describe.h.
#include "config/describe.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

namespace millrace::config {
namespace {

constexpr std::array<std::pair<std::string_view, Variable>, 14> kVariables = {{
    {"host", Variable::Host},
    {"path", Variable::Path},
    {"query", Variable::Query},
    {"request_uri", Variable::RequestUri},
    {"method", Variable::Method},
    {"scheme", Variable::Scheme},
    {"remote_addr", Variable::RemoteAddr},
    {"remote_port", Variable::RemotePort},
    {"server_addr", Variable::ServerAddr},
    {"server_port", Variable::ServerPort},
    {"tls_version", Variable::TlsVersion},
    {"request_id", Variable::RequestId},
    {"script_name", Variable::ScriptName},
    {"path_info", Variable::PathInfo},
}};

using Line = std::array<std::string, 4>;

void join(std::string& out, std::string_view separator, std::string_view item) {
  if (!out.empty()) out += separator;
  out += item;
}

std::string listeners_text(const Config& config, const Site& site) {
  std::string out;
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const auto& chosen = site.listeners;
    if (!chosen.empty() && std::find(chosen.begin(), chosen.end(), i) == chosen.end()) continue;
    join(out, ",", config.listeners[i].address.text());
  }
  return out;
}

std::string hosts_text(const Site& site) {
  std::string out;
  for (const std::string& host : site.hosts) {
    join(out, ",", host);
  }
  return out.empty() ? "*" : out;
}

std::string match_text(const Route& route) {
  std::string out;
  for (const std::string& method : route.methods) {
    join(out, ",", method);
  }
  if (!out.empty()) out += ' ';
  if (route.match != nullptr) return out + "~ " + route.match_text;
  out += route.path;
  if (route.below) out += " and below";
  return out;
}

std::string handler_text(const Config& config, const Route& route) {
  switch (route.handler) {
    case Handler::Redirect:
      return "redirect " + std::to_string(route.status) + " to " + text(route.redirect_to);
    case Handler::Respond:
      return "respond " + std::to_string(route.status);
    case Handler::Target:
      break;
  }
  const Balancer& balancer = config.balancers[route.balancer];
  if (balancer.plain) {
    const std::string& name = balancer.members.front().name;
    return balancer.name + (name == balancer.name ? "" : " (" + name + ")");
  }
  std::string members;
  for (const Member& member : balancer.members) {
    join(members, ", ", member.name);
  }
  return "balancer://" + balancer.name + "/ (" + members + ")";
}

// `match` routes in file order, then exact paths, then prefixes, the longest first.
std::vector<const Route*> in_order_of_trial(const Site& site) {
  std::vector<const Route*> routes;
  for (const Route& route : site.routes) {
    routes.push_back(&route);
  }
  const auto rank = [](const Route& route) {
    if (route.match != nullptr) return 0;
    return route.path.ends_with('/') || route.below ? 2 : 1;
  };
  std::stable_sort(routes.begin(), routes.end(), [&](const Route* a, const Route* b) {
    if (rank(*a) != rank(*b)) return rank(*a) < rank(*b);
    return a->path.size() > b->path.size();
  });
  return routes;
}

}  // namespace

std::optional<Variable> variable_of(std::string_view name) {
  for (const auto& [known, variable] : kVariables) {
    if (known == name) return variable;
  }
  return std::nullopt;
}

std::string text(const Template& value) {
  std::string out;
  for (const Template::Part& part : value.parts) {
    out += part.literal;
    if (!part.variable) continue;
    if (*part.variable == Variable::Header) {
      out += "${header." + part.header + '}';
      continue;
    }
    for (const auto& [name, variable] : kVariables) {
      if (variable == *part.variable) out.append("${").append(name).append("}");
    }
  }
  return out;
}

std::string Address::text() const {
  if (kind == Kind::Unix) return "unix:" + path;
  const bool six = host.find(':') != std::string::npos;
  return (six ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

std::string routes_text(const Config& config) {
  std::vector<Line> lines;
  for (const Site& site : config.sites) {
    for (const Route* route : in_order_of_trial(site)) {
      lines.push_back({listeners_text(config, site), hosts_text(site), match_text(*route),
                       handler_text(config, *route)});
    }
  }
  std::array<std::size_t, 4> width{};
  for (const Line& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      width[i] = std::max(width[i], line[i].size());
    }
  }
  std::string out;
  for (const Line& line : lines) {
    for (std::size_t i = 0; i + 1 < line.size(); ++i) {
      out += line[i];
      out.append(width[i] - line[i].size() + 2, ' ');
    }
    out += line.back();
    out += '\n';
  }
  return out;
}

}  // namespace millrace::config
