#include "proxy/generation.h"

#include <algorithm>
#include <utility>

namespace millrace::proxy {

Generation::Generation(io::Loop& loop, std::shared_ptr<Snapshot> snapshot)
    : snapshot_(std::move(snapshot)), view_(snapshot_->balancers()) {
  const config::Config& config = snapshot_->config();
  for (std::size_t i = 0; i < config.backends.size(); ++i) {
    pools_.emplace_back(loop, config.backends[i], i, snapshot_->address(i), snapshot_->backends(),
                        config.timeouts.response);
  }
}

void Generation::drain() {
  for (BackendPool& pool : pools_) pool.drain();
}

bool Generation::over() const {
  return users_ == 0 && std::ranges::all_of(pools_, [](const BackendPool& pool) {
           return pool.connections() == 0;
         });
}

}  // namespace millrace::proxy
