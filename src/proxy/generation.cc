#include "proxy/generation.h"

#include <algorithm>
#include <utility>

namespace millrace::proxy {

Generation::Generation(io::Loop& loop, std::size_t worker, std::shared_ptr<Snapshot> snapshot,
                       io::Spools& spools)
    : worker_(worker), snapshot_(std::move(snapshot)), view_(snapshot_->balancers()) {
  const config::Config& config = snapshot_->config();
  for (std::size_t i = 0; i < config.backends.size(); ++i) {
    pools_.emplace_back(loop,
                        upstream::BackendPool::Setting{.backend = config.backends[i],
                                                       .index = i,
                                                       .worker = worker_,
                                                       .address = snapshot_->address(i),
                                                       .table = snapshot_->backends(),
                                                       .post = snapshot_->post(),
                                                       .drain_timeout = config.timeouts.response,
                                                       .spools = spools});
  }
}

Generation::~Generation() {
  MUST(users_ == 0);
  for (const upstream::Post::Grant& grant : snapshot_->post().close(worker_)) {
    pools_[grant.backend].on_grant(grant.ticket);
  }
}

void Generation::on_woken() {
  for (const upstream::Post::Grant& grant : snapshot_->post().collect(worker_)) {
    pools_[grant.backend].on_grant(grant.ticket);
  }
  for (upstream::BackendPool& pool : pools_) {
    pool.give_up_idle();
  }
}

void Generation::drain() {
  for (upstream::BackendPool& pool : pools_) {
    pool.drain();
  }
}

bool Generation::over() const {
  return users_ == 0 && std::ranges::all_of(pools_, [](const upstream::BackendPool& pool) {
           return pool.connections() == 0;
         });
}

}  // namespace millrace::proxy
