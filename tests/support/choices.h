// Where chance comes from: a seed, or a fuzzer's bytes. The same seed gives the same choices on
// every machine, so nothing of the standard library's distributions is used. When the bytes run
// out, every further choice is the first one, which is the calm one by convention.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/must.h"

namespace millrace::testing {

class Choices {
 public:
  explicit Choices(std::uint64_t seed) : state_(seed), seeded_(true) {}
  explicit Choices(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  // A number below `count`, which is not 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t count) {
    MUST(count > 0);
    return count == 1 ? 0 : next() % count;
  }
  // From `low` to `high`, both included.
  [[nodiscard]] std::uint64_t between(std::uint64_t low, std::uint64_t high) {
    return low + below(high - low + 1);
  }
  // True so many times in a thousand.
  [[nodiscard]] bool chance(std::uint32_t per_mille) {
    return per_mille > 0 && 1000 - below(1000) <= per_mille;
  }
  // A size from `low` to `high` whose magnitude is as likely small as large.
  [[nodiscard]] std::uint64_t size(std::uint64_t low, std::uint64_t high) {
    std::uint64_t span = high - low;
    for (std::uint64_t halvings = below(12); halvings > 0; --halvings)
      span /= 2;
    return low + below(span + 1);
  }
  // A swarm's dial: a probability per mille up to `high`, and zero half of the time.
  [[nodiscard]] std::uint32_t dial(std::uint32_t high) {
    return chance(500) ? static_cast<std::uint32_t>(between(1, high)) : 0;
  }

 private:
  // splitmix64, or four of the fuzzer's bytes.
  std::uint64_t next() {
    if (!seeded_) return next_bytes();
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  }
  std::uint64_t next_bytes() {
    std::uint64_t value = 0;
    for (int i = 0; i < 4 && !bytes_.empty(); ++i) {
      value = value << 8 | bytes_.front();
      bytes_ = bytes_.subspan(1);
    }
    return value;
  }

  std::uint64_t state_ = 0;
  std::span<const std::uint8_t> bytes_;
  bool seeded_ = false;
};

}  // namespace millrace::testing
