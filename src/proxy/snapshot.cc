#include "proxy/snapshot.h"

#include <utility>

namespace millrace::proxy {
namespace {

constexpr std::string_view kServerSoftware = "millrace/" MILLRACE_VERSION;

base::Result<io::SocketAddress> address_of(const config::Address& address) {
  if (address.kind == config::Address::Kind::Unix) return io::unix_address(address.path);
  auto resolved = io::resolve(address.host, address.port);
  if (!resolved.ok()) return base::Error{resolved.error()};
  return resolved.value().front();
}

}  // namespace

base::Result<std::shared_ptr<Snapshot>> Snapshot::make(config::Config config, std::size_t workers) {
  std::vector<io::SocketAddress> addresses;
  for (const config::Backend& backend : config.backends) {
    auto address = address_of(backend.address);
    if (!address.ok()) return base::Error{address.error()};
    addresses.push_back(address.value());
  }
  return std::shared_ptr<Snapshot>(new Snapshot(std::move(config), std::move(addresses), workers));
}

Snapshot::Snapshot(config::Config config, std::vector<io::SocketAddress> addresses,
                   std::size_t workers)
    : config_(std::move(config)),
      addresses_(std::move(addresses)),
      routes_(config_),
      balancers_(config_),
      backends_(config_),
      post_(workers) {
  for (const config::Site& site : config_.sites) {
    auto& routes = environments_.emplace_back();
    for (const config::Route& route : site.routes) {
      routes.push_back(environments_of(site, route));
    }
  }
}

std::vector<CgiEnv> Snapshot::environments_of(const config::Site& site,
                                              const config::Route& route) const {
  std::vector<CgiEnv> members;
  if (route.handler != config::Handler::Target) return members;
  for (const config::Member& member : config_.balancers[route.balancer].members) {
    members.emplace_back(config_, site, route, member, kServerSoftware);
  }
  return members;
}

}  // namespace millrace::proxy
