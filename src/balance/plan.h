// The order in which a balancer's usable members are asked, computed once for a set of members and
// then only read: one atomic position is all that threads share.
//
// Smooth weighted round robin (Apache's byrequests): each pick adds every member's weight to its
// status, takes the highest (the first of equals) and subtracts the sum of all weights from it. All
// statuses are zero again after sum/gcd picks, so that many picks written down are the whole
// sequence. Walking it with fetch_add keeps the weights exact over all threads together.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace millrace::balance {

// A member index fits a byte; the configuration refuses more members.
inline constexpr std::size_t kMembersMax = 256;
// Picks written down at most, and the steps (picks times members) spent on it. Beyond either,
// weights are scaled down to fit; each keeps at least one pick, the error is below one pick per
// cycle.
inline constexpr std::size_t kCycleMax = 65'536;
inline constexpr std::size_t kCycleStepsMax = 4'194'304;

// The members that one request has tried.
class Tried {
 public:
  void add(std::size_t member) { words_[member / 64] |= std::uint64_t{1} << (member % 64); }
  [[nodiscard]] bool contains(std::size_t member) const {
    return (words_[member / 64] >> (member % 64) & 1) != 0;
  }
  [[nodiscard]] bool none() const { return (words_[0] | words_[1] | words_[2] | words_[3]) == 0; }
  void clear() { words_ = {}; }

 private:
  std::array<std::uint64_t, kMembersMax / 64> words_{};
};

struct Share {
  std::size_t member;
  std::uint32_t weight;  // in hundredths, at least 1
};

class Plan {
 public:
  // `usable` is in the order of the configuration and not empty.
  explicit Plan(std::span<const Share> usable);

  // The next member that is not in `tried`; nothing where all are.
  [[nodiscard]] std::optional<std::size_t> next(const Tried& tried) const;

  [[nodiscard]] std::size_t usable() const { return members_.size(); }
  [[nodiscard]] std::size_t period() const { return cycle_.size(); }

 private:
  [[nodiscard]] std::optional<std::size_t> next_untried(std::uint64_t from,
                                                        const Tried& tried) const;

  std::vector<std::uint8_t> cycle_;
  std::vector<std::uint8_t> members_;
  // Alone in its cache line: everything else here is read by all threads and written by none.
  alignas(64) mutable std::atomic<std::uint64_t> position_{0};
};

}  // namespace millrace::balance
