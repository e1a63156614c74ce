// One worker's part of a snapshot: its view of the balancers and its connections to the
// applications. Requests hold on to the generation that they began with (a plain count: one thread
// only), so a new configuration never changes a request that runs.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>

#include "balance/table.h"
#include "io/loop.h"
#include "proxy/snapshot.h"
#include "upstream/backend_pool.h"

namespace millrace::proxy {

class Generation {
 public:
  Generation(io::Loop& loop, std::size_t worker, std::shared_ptr<Snapshot> snapshot,
             io::Spools& spools);
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;
  // Its worker has ended. Places that were granted to it in the meantime go to others.
  ~Generation();

  [[nodiscard]] Snapshot& snapshot() { return *snapshot_; }
  [[nodiscard]] const config::Config& config() const { return snapshot_->config(); }
  [[nodiscard]] balance::View& balancers() { return view_; }
  [[nodiscard]] upstream::BackendPool& pool(std::size_t backend) { return pools_[backend]; }

  void acquire() { ++users_; }
  void release() { --users_; }

  // Another worker has written, or asks for what is idle here.
  void on_woken();
  // Closes what is idle, now and later.
  void drain();
  // Nobody uses it, and no connection is left.
  [[nodiscard]] bool over() const;

 private:
  const std::size_t worker_;
  std::shared_ptr<Snapshot> snapshot_;
  balance::View view_;
  std::deque<upstream::BackendPool> pools_;  // per backend
  std::size_t users_ = 0;
};

}  // namespace millrace::proxy
