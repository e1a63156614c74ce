// Timers of one worker: a hierarchical wheel of four levels with 64 slots each, ticks of 4 ms. The
// loop asks next() for one kernel timeout per turn. Arming a timer later than it already stands
// costs a store: the wheel finds out when the old time comes. A timer never fires early, and at
// most one tick late plus what the loop is late itself.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/list.h"

namespace millrace::io {

using Millis = std::chrono::milliseconds;

class Timers;
struct TimerTag;

// A member of its owner, which it tells when its time has come. Disarmed when destroyed.
class Timer : private base::ListNode<TimerTag> {
 public:
  template <auto Handler, typename Owner>
  [[nodiscard]] static Timer to(Owner* owner) {
    return Timer(owner, [](void* self) noexcept { (static_cast<Owner*>(self)->*Handler)(); });
  }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() = default;

  [[nodiscard]] bool armed() const { return deadline_ != kNever; }
  void disarm() { deadline_ = kNever; }  // It leaves the wheel when its slot comes.

 private:
  friend class Timers;
  template <typename T, typename Tag>
  friend class base::List;
  using Thunk = void (*)(void* owner) noexcept;
  static constexpr std::int64_t kNever = INT64_MAX;

  Timer(void* owner, Thunk thunk) : owner_(owner), thunk_(thunk) {}

  void* const owner_;
  const Thunk thunk_;
  std::int64_t deadline_ = kNever;  // in ticks
  std::int64_t slot_tick_ = 0;      // when the wheel looks at it, where it is linked
};

class Timers {
 public:
  explicit Timers(Millis now) : tick_(now / kTick), now_(now) {}

  [[nodiscard]] Millis now() const { return now_; }
  // Fires at the first advance() to now() + `delay` or later.
  void arm(Timer& timer, Millis delay);
  // Sets the time, from which arm() counts; runs nothing.
  void set_now(Millis now) { now_ = std::max(now_, now); }
  // Sets the time, and runs the handlers of all timers that are due. Handlers may arm and disarm
  // any.
  void advance(Millis now);
  // The longest that the loop may wait, if any timer stands in the wheel.
  [[nodiscard]] std::optional<Millis> next() const;

 private:
  static constexpr Millis kTick{4};
  static constexpr int kBits = 6;
  static constexpr int kSlots = 1 << kBits;
  static constexpr int kLevels = 4;

  struct Level {
    std::array<base::List<Timer, TimerTag>, kSlots> slots;
    std::uint64_t occupied = 0;  // one bit per slot; may be set for a slot that has become empty
  };
  static constexpr std::int64_t kNoTick = INT64_MAX;

  void insert(Timer& timer);
  [[nodiscard]] std::int64_t next_tick() const;
  void run_tick();
  void take_slot(int level, int slot);

  std::int64_t tick_;
  Millis now_;
  std::array<Level, kLevels> levels_;
};

}  // namespace millrace::io
