#include "balance/table.h"

#include <algorithm>

#include "base/must.h"

namespace millrace::balance {

namespace {

constexpr std::size_t kFailuresReserved = 64;

}  // namespace

Table::Table(const config::Config& config) {
  balancers_.reserve(config.balancers.size());
  for (const config::Balancer& balancer : config.balancers) {
    MUST(!balancer.members.empty() && balancer.members.size() <= kMembersMax);
    auto line = std::make_unique<BalancerLine>();
    line->members = std::vector<MemberLine>(balancer.members.size());
    for (std::size_t i = 0; i < balancer.members.size(); ++i) {
      const config::Member& from = balancer.members[i];
      MemberLine& member = line->members[i];
      member.weight = from.weight;
      member.fails_count = from.fails_count;
      member.fails_within = from.fails_within;
      member.retry = from.retry;
      member.failures.reserve(std::min<std::size_t>(from.fails_count, kFailuresReserved));
    }
    publish(*line);
    balancers_.push_back(std::move(line));
  }
}

MemberState Table::state(std::size_t balancer, std::size_t member) const {
  return balancers_.at(balancer)->members.at(member).state.load(std::memory_order_relaxed);
}

// Makes the plan for the members that are usable now. With the mutex, as all below.
void Table::publish(BalancerLine& line) {
  std::vector<Share> usable;
  for (std::size_t i = 0; i < line.members.size(); ++i) {
    const MemberLine& member = line.members[i];
    if (member.state.load(std::memory_order_relaxed) != MemberState::Usable) continue;
    usable.push_back({.member = i, .weight = member.weight});
  }
  line.plan = std::make_shared<const Plan>(usable);
  line.version.fetch_add(1, std::memory_order_release);
  update_next_retry(line);
}

void Table::update_next_retry(BalancerLine& line) {
  Millis::rep earliest = kNever;
  for (const MemberLine& member : line.members) {
    if (member.state.load(std::memory_order_relaxed) == MemberState::Usable) continue;
    earliest = std::min(earliest, member.retry_at.count());
  }
  line.next_retry.store(earliest, std::memory_order_relaxed);
}

std::optional<std::size_t> Table::begin_trial(BalancerLine& line, const Tried& tried, Millis now) {
  const std::lock_guard lock(line.mutex);
  for (std::size_t i = 0; i < line.members.size(); ++i) {
    MemberLine& member = line.members[i];
    if (member.state.load(std::memory_order_relaxed) == MemberState::Usable) continue;
    if (now < member.retry_at || tried.contains(i)) continue;
    member.state.store(MemberState::Trial, std::memory_order_relaxed);
    member.retry_at = now + member.retry;
    update_next_retry(line);
    return i;
  }
  return std::nullopt;
}

void Table::report_failure(std::size_t balancer, std::size_t member, Millis now) {
  BalancerLine& line = *balancers_.at(balancer);
  if (line.members.size() == 1) return;  // A plain target, too.
  const std::lock_guard lock(line.mutex);
  MemberLine& failed = line.members.at(member);
  switch (failed.state.load(std::memory_order_relaxed)) {
    case MemberState::Failed:  // A request that was under way when it was marked.
      return;
    case MemberState::Trial:
      failed.state.store(MemberState::Failed, std::memory_order_relaxed);
      failed.retry_at = now + failed.retry;
      update_next_retry(line);
      return;
    case MemberState::Usable:
      break;
  }
  if (failed.retry == Millis{0} || !count_failure(failed, now)) return;
  if (line.plan->usable() == 1) {
    recover_all(line);
    return;
  }
  failed.state.store(MemberState::Failed, std::memory_order_relaxed);
  failed.retry_at = now + failed.retry;
  failed.failures.clear();
  publish(line);
}

// Whether this failure is the one too many.
bool Table::count_failure(MemberLine& member, Millis now) {
  if (member.fails_within > Millis{0}) {
    std::erase_if(member.failures, [&](Millis at) { return now - at >= member.fails_within; });
  }
  member.failures.push_back(now);
  return member.failures.size() >= member.fails_count;
}

void Table::recover_all(BalancerLine& line) {
  for (MemberLine& member : line.members) {
    member.state.store(MemberState::Usable, std::memory_order_relaxed);
    member.failures.clear();
  }
  publish(line);
}

void Table::report_success(std::size_t balancer, std::size_t member) {
  BalancerLine& line = *balancers_.at(balancer);
  MemberLine& answered = line.members.at(member);
  if (answered.state.load(std::memory_order_relaxed) == MemberState::Usable) return;
  const std::lock_guard lock(line.mutex);
  // Failed: an answer to what was asked before it was marked says nothing about now.
  if (answered.state.load(std::memory_order_relaxed) != MemberState::Trial) return;
  answered.state.store(MemberState::Usable, std::memory_order_relaxed);
  publish(line);
}

void Table::abandon(std::size_t balancer, std::size_t member, Millis now) {
  BalancerLine& line = *balancers_.at(balancer);
  MemberLine& left = line.members.at(member);
  if (left.state.load(std::memory_order_relaxed) == MemberState::Usable) return;
  const std::lock_guard lock(line.mutex);
  if (left.state.load(std::memory_order_relaxed) != MemberState::Trial) return;
  left.state.store(MemberState::Failed, std::memory_order_relaxed);
  left.retry_at = now;
  update_next_retry(line);
}

View::View(Table& table) : table_(table), seen_(table.balancers_.size()) {}

const Plan& View::current(std::size_t balancer) {
  Table::BalancerLine& line = *table_.balancers_.at(balancer);
  Seen& seen = seen_[balancer];
  if (line.version.load(std::memory_order_acquire) != seen.version) {
    const std::lock_guard lock(line.mutex);
    seen.plan = line.plan;
    seen.version = line.version.load(std::memory_order_relaxed);
  }
  return *seen.plan;
}

std::optional<std::size_t> View::pick(std::size_t balancer, const Tried& tried, Millis now) {
  Table::BalancerLine& line = *table_.balancers_.at(balancer);
  if (now.count() >= line.next_retry.load(std::memory_order_relaxed)) {
    const std::optional<std::size_t> trial = table_.begin_trial(line, tried, now);
    if (trial) return trial;
  }
  return current(balancer).next(tried);
}

void View::report_success(std::size_t balancer, std::size_t member) {
  table_.report_success(balancer, member);
}

void View::report_failure(std::size_t balancer, std::size_t member, Millis now) {
  table_.report_failure(balancer, member, now);
}

void View::report_abandoned(std::size_t balancer, std::size_t member, Millis now) {
  table_.abandon(balancer, member, now);
}

std::size_t View::usable(std::size_t balancer) {
  return current(balancer).usable();
}

}  // namespace millrace::balance
