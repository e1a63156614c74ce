// A configuration made ready to serve: what all workers share and no request changes. Requests hold
// on to the one that they began with. The tables and the post are the exception: they are made for
// many threads.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "balance/backend_table.h"
#include "balance/table.h"
#include "base/result.h"
#include "config/config.h"
#include "io/address.h"
#include "proxy/cgi_env.h"
#include "route/table.h"
#include "upstream/post.h"

namespace millrace::proxy {

class Snapshot {
 public:
  // Resolves the backends' names, which may block. The error is one sentence for people.
  static base::Result<std::shared_ptr<Snapshot>> make(config::Config config, std::size_t workers);

  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;
  ~Snapshot() = default;

  [[nodiscard]] const config::Config& config() const { return config_; }
  [[nodiscard]] const route::Table& routes() const { return routes_; }
  [[nodiscard]] balance::Table& balancers() { return balancers_; }
  [[nodiscard]] balance::BackendTable& backends() { return backends_; }
  [[nodiscard]] upstream::Post& post() { return post_; }
  [[nodiscard]] const io::SocketAddress& address(std::size_t backend) const {
    return addresses_[backend];
  }
  // The environment of a route whose handler is a target, for one member of its balancer.
  [[nodiscard]] const CgiEnv& environment(const route::Found& found, std::size_t member) const {
    return environments_[found.site_index][found.route_index][member];
  }

 private:
  Snapshot(config::Config config, std::vector<io::SocketAddress> addresses, std::size_t workers);

  [[nodiscard]] std::vector<CgiEnv> environments_of(const config::Site& site,
                                                    const config::Route& route) const;

  config::Config config_;
  std::vector<io::SocketAddress> addresses_;  // per backend
  route::Table routes_;
  balance::Table balancers_;
  balance::BackendTable backends_;
  upstream::Post post_;
  std::vector<std::vector<std::vector<CgiEnv>>> environments_;  // site, route, member
};

}  // namespace millrace::proxy
