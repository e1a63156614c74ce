#include "balance/plan.h"

#include <algorithm>
#include <numeric>

#include "base/must.h"

namespace millrace::balance {

namespace {

// Integer weights with the given proportions whose sum is the length of a cycle.
std::vector<std::int64_t> cycle_weights(std::span<const Share> usable) {
  std::uint64_t divisor = 0;
  std::uint64_t sum = 0;
  for (const Share& share : usable) {
    divisor = std::gcd(divisor, std::uint64_t{share.weight});
    sum += share.weight;
  }
  MUST(divisor > 0);
  sum /= divisor;
  const std::uint64_t length_max = std::min(kCycleMax, kCycleStepsMax / usable.size());
  std::vector<std::int64_t> weights;
  weights.reserve(usable.size());
  for (const Share& share : usable) {
    std::uint64_t weight = share.weight / divisor;
    // Each member may round up to one pick: the room for that is kept free.
    if (sum > length_max) {
      weight = std::max<std::uint64_t>(1, weight * (length_max - usable.size()) / sum);
    }
    weights.push_back(static_cast<std::int64_t>(weight));
  }
  return weights;
}

}  // namespace

Plan::Plan(std::span<const Share> usable) {
  MUST(!usable.empty() && usable.size() <= kMembersMax);
  members_.reserve(usable.size());
  for (const Share& share : usable) {
    MUST(share.member < kMembersMax && share.weight > 0);
    members_.push_back(static_cast<std::uint8_t>(share.member));
  }
  const std::vector<std::int64_t> weights = cycle_weights(usable);
  const std::int64_t sum = std::accumulate(weights.begin(), weights.end(), std::int64_t{0});
  std::vector<std::int64_t> status(usable.size(), 0);
  cycle_.reserve(static_cast<std::size_t>(sum));
  for (std::int64_t pick = 0; pick < sum; ++pick) {
    for (std::size_t i = 0; i < status.size(); ++i) {
      status[i] += weights[i];
    }
    const auto best = std::max_element(status.begin(), status.end());  // the first of equals
    *best -= sum;
    cycle_.push_back(members_[static_cast<std::size_t>(best - status.begin())]);
  }
}

std::optional<std::size_t> Plan::next(const Tried& tried) const {
  // A plain target: nothing to take turns with, and no line for threads to fight over.
  if (members_.size() == 1) {
    return tried.contains(members_.front()) ? std::nullopt
                                            : std::optional<std::size_t>(members_.front());
  }
  const std::uint64_t position = position_.fetch_add(1, std::memory_order_relaxed);
  const std::size_t member = cycle_[position % cycle_.size()];
  if (!tried.contains(member)) return member;
  return next_untried(position, tried);
}

// What the sequence would give next, if that comes soon; else any member that is left.
std::optional<std::size_t> Plan::next_untried(std::uint64_t from, const Tried& tried) const {
  const std::size_t soon = std::min(cycle_.size(), 4 * members_.size());
  for (std::size_t step = 1; step < soon; ++step) {
    const std::size_t member = cycle_[(from + step) % cycle_.size()];
    if (!tried.contains(member)) return member;
  }
  for (std::size_t step = 0; step < members_.size(); ++step) {
    const std::size_t member = members_[(from + step) % members_.size()];
    if (!tried.contains(member)) return member;
  }
  return std::nullopt;
}

}  // namespace millrace::balance
