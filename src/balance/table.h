// Which member of a balancer serves the next request, and which have failed. One Table for all
// threads; each worker asks through a View of its own. Time is passed in.
//
// A pick is two loads of a line that hardly ever changes and one fetch_add; the mutex of a balancer
// is taken only when a member fails, is tried again or recovers, and once per worker after that.
//
//            `fails.count` failures within `fails.within`
//   Usable ------------------------------------------------> Failed <------------+
//     ^  ^                                                     |                 | failure, or no
//     |  +---- all failed: forced recovery --------------------+  `retry` over:  | word for `retry`
//     |                                                        v  one request    |
//     +------------------------- success ------------------- Trial --------------+
//
// A plain target and the last usable member are always tried and never marked. Where the last one
// would have been marked, all members are made usable again instead (Apache's forcerecovery=On):
// none is known to be better. `retry` 0 leaves a member alone for no time at all: never marked.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "balance/plan.h"
#include "config/config.h"

namespace millrace::balance {

using config::Millis;

enum class MemberState : std::uint8_t { Usable, Failed, Trial };

class Table {
 public:
  explicit Table(const config::Config& config);
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // For status pages and tests.
  [[nodiscard]] MemberState state(std::size_t balancer, std::size_t member) const;

 private:
  friend class View;

  static constexpr Millis::rep kNever = std::numeric_limits<Millis::rep>::max();

  struct MemberLine {
    std::atomic<MemberState> state{MemberState::Usable};
    // The rest is written under the balancer's mutex.
    std::uint32_t weight = 0;
    std::uint32_t fails_count = 0;
    Millis fails_within{0};
    Millis retry{0};
    Millis retry_at{0};            // Failed and Trial: when a request may try it (again)
    std::vector<Millis> failures;  // Usable: those that still count, oldest first
  };

  struct BalancerLine {
    // Read at every pick, written only when a member's state changes.
    alignas(64) std::atomic<std::uint64_t> version{1};
    std::atomic<Millis::rep> next_retry{kNever};  // the earliest retry_at

    alignas(64) mutable std::mutex mutex;
    std::shared_ptr<const Plan> plan;
    std::vector<MemberLine> members;  // never resized after construction
  };

  std::optional<std::size_t> begin_trial(BalancerLine& line, const Tried& tried, Millis now);
  void report_failure(std::size_t balancer, std::size_t member, Millis now);
  void report_success(std::size_t balancer, std::size_t member);
  void abandon(std::size_t balancer, std::size_t member, Millis now);

  static bool count_failure(MemberLine& member, Millis now);
  static void recover_all(BalancerLine& line);
  static void publish(BalancerLine& line);
  static void update_next_retry(BalancerLine& line);

  std::vector<std::unique_ptr<BalancerLine>> balancers_;
};

// One worker's access to a Table, which must outlive it.
class View {
 public:
  explicit View(Table& table);

  // A usable member that is not in `tried`; nothing where there is none. Now and then it is a
  // failed member whose time is over: this request is its trial, and its outcome must be reported.
  [[nodiscard]] std::optional<std::size_t> pick(std::size_t balancer, const Tried& tried,
                                                Millis now);

  // How a pick ended. Success: the member has answered; costs one load in the steady state.
  // Failure: as `fails` defines it. Abandoned: the request went away before either was known.
  void report_success(std::size_t balancer, std::size_t member);
  void report_failure(std::size_t balancer, std::size_t member, Millis now);
  void report_abandoned(std::size_t balancer, std::size_t member, Millis now);

  // Members in use at present; 1: the one that pick() gives is the last usable.
  [[nodiscard]] std::size_t usable(std::size_t balancer);

 private:
  struct Seen {
    std::shared_ptr<const Plan> plan;
    std::uint64_t version = 0;
  };
  const Plan& current(std::size_t balancer);

  Table& table_;
  std::vector<Seen> seen_;
};

}  // namespace millrace::balance
