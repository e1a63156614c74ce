#include "balance/backend_table.h"

#include "base/must.h"

namespace millrace::balance {

namespace {

// Counts up, unless that would pass the limit. Compared before it is added: a count that overshoots
// and is taken back would refuse another thread its place.
bool count_up(std::atomic<std::uint64_t>& counter, std::uint64_t max) {
  std::uint64_t seen = counter.load(std::memory_order_relaxed);
  while (seen < max) {
    if (counter.compare_exchange_weak(seen, seen + 1, std::memory_order_relaxed)) return true;
  }
  return false;
}

void count_down(std::atomic<std::uint64_t>& counter) {
  MUST(counter.fetch_sub(1, std::memory_order_relaxed) > 0);
}

}  // namespace

BackendTable::BackendTable(const config::Config& config)
    : count_(config.backends.size()), lines_(std::make_unique<Line[]>(count_)) {
  for (std::size_t i = 0; i < count_; ++i) {
    const config::Backend& backend = config.backends[i];
    lines_[i].open_max = backend.max > 0 ? backend.max : UINT64_MAX;
    lines_[i].idle_max = backend.idle;
  }
}

BackendTable::Line& BackendTable::line(std::size_t backend) {
  MUST(backend < count_);
  return lines_[backend];
}

const BackendTable::Line& BackendTable::line(std::size_t backend) const {
  MUST(backend < count_);
  return lines_[backend];
}

bool BackendTable::try_open(std::size_t backend) {
  Line& at = line(backend);
  return count_up(at.open, at.open_max);
}

void BackendTable::closed(std::size_t backend) {
  count_down(line(backend).open);
}

bool BackendTable::try_keep(std::size_t backend) {
  Line& at = line(backend);
  return count_up(at.idle, at.idle_max);
}

void BackendTable::unkeep(std::size_t backend) {
  count_down(line(backend).idle);
}

std::uint64_t BackendTable::open(std::size_t backend) const {
  return line(backend).open.load(std::memory_order_relaxed);
}

std::uint64_t BackendTable::idle(std::size_t backend) const {
  return line(backend).idle.load(std::memory_order_relaxed);
}

}  // namespace millrace::balance
