#include "io/timers.h"

#include <algorithm>
#include <bit>

namespace millrace::io {

void Timers::arm(Timer& timer, Millis delay) {
  // Rounded up, and one more because the current tick has partly passed.
  timer.deadline_ = std::max((now_ + delay + kTick - Millis(1)) / kTick, tick_ + 1);
  if (timer.linked() && timer.slot_tick_ <= timer.deadline_) return;
  timer.unlink();
  insert(timer);
}

// A timer stands on the lowest level whose span covers its distance; one that is further away than
// the top level spans stands at the far end, and is looked at again from there.
void Timers::insert(Timer& timer) {
  constexpr std::int64_t kSpan = (std::int64_t{1} << (kBits * kLevels)) - 1;
  const std::int64_t due = std::min(timer.deadline_, tick_ + kSpan);
  const auto distance = static_cast<std::uint64_t>(due ^ tick_);
  const int level =
      std::min((static_cast<int>(std::bit_width(distance | 1)) - 1) / kBits, kLevels - 1);
  const int slot = static_cast<int>(due >> (kBits * level)) & (kSlots - 1);
  // It is looked at when its slot comes up, which is the first tick of the slot's span.
  timer.slot_tick_ = (due >> (kBits * level)) << (kBits * level);
  levels_[static_cast<std::size_t>(level)].slots[static_cast<std::size_t>(slot)].push_back(timer);
  levels_[static_cast<std::size_t>(level)].occupied |= std::uint64_t{1} << slot;
}

void Timers::advance(Millis now) {
  now_ = std::max(now_, now);
  const std::int64_t target = now_ / kTick;
  for (std::int64_t next = next_tick(); next <= target; next = next_tick()) {
    tick_ = next;
    run_tick();
  }
  tick_ = target;
}

void Timers::run_tick() {
  for (int level = kLevels - 1; level >= 0; --level) {
    const std::int64_t span = std::int64_t{1} << (kBits * level);
    if ((tick_ & (span - 1)) != 0) continue;
    take_slot(level, static_cast<int>(tick_ >> (kBits * level)) & (kSlots - 1));
  }
}

void Timers::take_slot(int level, int slot) {
  Level& at = levels_[static_cast<std::size_t>(level)];
  const std::uint64_t bit = std::uint64_t{1} << slot;
  if ((at.occupied & bit) == 0) return;
  at.occupied &= ~bit;
  base::List<Timer, TimerTag> due;
  at.slots[static_cast<std::size_t>(slot)].move_all_to(due);
  while (Timer* timer = due.pop_front()) {
    if (timer->deadline_ == Timer::kNever) continue;
    if (timer->deadline_ > tick_) {
      insert(*timer);
      continue;
    }
    timer->deadline_ = Timer::kNever;
    timer->thunk_(timer->owner_);
  }
}

// The next tick at which a slot is looked at, on any level: at most the next timer's time.
std::int64_t Timers::next_tick() const {
  std::int64_t best = kNoTick;
  for (int level = 0; level < kLevels; ++level) {
    const std::uint64_t occupied = levels_[static_cast<std::size_t>(level)].occupied;
    if (occupied == 0) continue;
    const int shift = kBits * level;
    const std::int64_t position = tick_ >> shift;
    const int current = static_cast<int>(position & (kSlots - 1));
    // Slots after the current one, in the order in which they come.
    const std::uint64_t ahead = std::rotr(occupied, (current + 1) & (kSlots - 1));
    best = std::min(best, (position + 1 + std::countr_zero(ahead)) << shift);
  }
  return best;
}

std::optional<Millis> Timers::next() const {
  const std::int64_t tick = next_tick();
  if (tick == kNoTick) return std::nullopt;
  return std::max(tick * kTick - now_, Millis(0));
}

}  // namespace millrace::io
