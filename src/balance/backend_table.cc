#include "balance/backend_table.h"

#include <algorithm>

#include "base/must.h"

namespace millrace::balance {

namespace {

// Counts up, unless that would pass the limit. Compared before it is added: a count that overshoots
// and is taken back would refuse another thread its place.
bool count_up(std::atomic<std::uint64_t>& counter, std::uint64_t max) {
  std::uint64_t seen = counter.load();
  while (seen < max) {
    if (counter.compare_exchange_weak(seen, seen + 1)) return true;
  }
  return false;
}

void count_down(std::atomic<std::uint64_t>& counter) {
  MUST(counter.fetch_sub(1) > 0);
}

}  // namespace

BackendTable::BackendTable(const config::Config& config)
    : count_(config.backends.size()), lines_(std::make_unique<Line[]>(count_)) {
  for (std::size_t i = 0; i < count_; ++i) {
    const config::Backend& backend = config.backends[i];
    const std::uint64_t max = backend.max > 0 ? backend.max : UINT64_MAX;
    lines_[i].open_max = backend.slots > 0 ? std::min(max, backend.slots) : max;
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
  return at.waiting.load() == 0 && count_up(at.open, at.open_max);
}

// The count of those who wait goes up before the places are looked at, and closed() looks at it
// after giving a place back: whichever is later sees the other.
BackendTable::Queued BackendTable::wait(std::size_t backend, std::size_t worker) {
  Line& at = line(backend);
  const std::lock_guard lock(at.mutex);
  ++at.waiting;
  if (at.queue.empty() && count_up(at.open, at.open_max)) {
    --at.waiting;
    return {.has_place = true, .ticket = {}};
  }
  at.queue.push_back({.number = at.next_number++, .worker = worker});
  return {.has_place = false, .ticket = at.queue.back()};
}

bool BackendTable::leave(std::size_t backend, const Ticket& ticket) {
  Line& at = line(backend);
  const std::lock_guard lock(at.mutex);
  const auto found = std::ranges::find(at.queue, ticket.number, &Ticket::number);
  if (found == at.queue.end()) return false;
  at.queue.erase(found);
  --at.waiting;
  return true;
}

std::optional<Ticket> BackendTable::closed(std::size_t backend) {
  Line& at = line(backend);
  count_down(at.open);
  if (at.waiting.load() == 0) return std::nullopt;
  const std::lock_guard lock(at.mutex);
  if (at.queue.empty() || !count_up(at.open, at.open_max)) return std::nullopt;
  const Ticket first = at.queue.front();
  at.queue.pop_front();
  --at.waiting;
  return first;
}

std::optional<Ticket> BackendTable::take_first(std::size_t backend, std::size_t worker) {
  Line& at = line(backend);
  if (at.waiting.load() == 0) return std::nullopt;
  const std::lock_guard lock(at.mutex);
  if (at.queue.empty() || at.queue.front().worker != worker) return std::nullopt;
  const Ticket first = at.queue.front();
  at.queue.pop_front();
  --at.waiting;
  return first;
}

std::uint64_t BackendTable::waiting(std::size_t backend) const {
  return line(backend).waiting.load();
}

bool BackendTable::try_keep(std::size_t backend) {
  Line& at = line(backend);
  return count_up(at.idle, at.idle_max);
}

void BackendTable::unkeep(std::size_t backend) {
  count_down(line(backend).idle);
}

void BackendTable::add_starving(std::size_t backend, std::int64_t change) {
  line(backend).starving.fetch_add(change);
}

std::uint64_t BackendTable::starving(std::size_t backend) const {
  return static_cast<std::uint64_t>(line(backend).starving.load());
}

Nature BackendTable::nature(std::size_t backend) const {
  return line(backend).nature.load(std::memory_order_relaxed);
}

void BackendTable::set_nature(std::size_t backend, Nature nature) {
  line(backend).nature.store(nature, std::memory_order_relaxed);
}

void BackendTable::forget_nature(std::size_t backend) {
  set_nature(backend, Nature::Unknown);
  set_requests_max(backend, UINT32_MAX);
  line(backend).asked.store(false);
}

std::uint32_t BackendTable::requests_max(std::size_t backend) const {
  return line(backend).requests_max.load(std::memory_order_relaxed);
}

void BackendTable::set_requests_max(std::size_t backend, std::uint32_t most) {
  line(backend).requests_max.store(most, std::memory_order_relaxed);
}

bool BackendTable::begin_asking(std::size_t backend) {
  return !line(backend).asked.exchange(true);
}

std::uint64_t BackendTable::open(std::size_t backend) const {
  return line(backend).open.load(std::memory_order_relaxed);
}

std::uint64_t BackendTable::idle(std::size_t backend) const {
  return line(backend).idle.load(std::memory_order_relaxed);
}

}  // namespace millrace::balance
