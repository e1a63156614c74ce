// One operation handed to the kernel.
//
// An Op is a member of the object that started it, never an allocation of its own. From the call
// that starts it until its final completion the kernel may touch every byte that the operation
// names. So for that time its owner must neither move nor die, and keeps those bytes as they are:
// what is sent stays at the front of its Chain, what is received lies in blocks of the ring.
// Cancelling does not shorten that time: it asks the kernel to finish early, and the handler still
// runs.
//
//             start                 final completion
//     Idle ----------> InFlight -------------------------> Idle
//                       |    ^
//                       +----+  completion with `more`: a multishot that goes on
#pragma once

#include <cstdint>
#include <utility>

#include "base/must.h"
#include "buffer/block.h"

namespace millrace::io {

struct Completion {
  std::int32_t result = 0;  // A count or a descriptor, or a negative errno.
  bool more = false;        // The kernel keeps the Op: another completion follows.
  buffer::Slice bytes;      // What was received.

  [[nodiscard]] bool failed() const { return result < 0; }
};

class Op {
 public:
  // Binds the Op to a member function of its owner: Op receive_ = Op::to<&Conn::on_received>(this).
  template <auto Handler, typename Owner>
  [[nodiscard]] static Op to(Owner* owner) {
    return Op(owner, [](void* self, Completion& done) noexcept {
      (static_cast<Owner*>(self)->*Handler)(done);
    });
  }

  Op(const Op&) = delete;
  Op& operator=(const Op&) = delete;
  ~Op() { MUST(!in_flight_); }  // Else the kernel would report to freed memory.

  [[nodiscard]] bool in_flight() const { return in_flight_; }

 private:
  friend class Ring;
  using Thunk = void (*)(void* owner, Completion& done) noexcept;

  Op(void* owner, Thunk thunk) : owner_(owner), thunk_(thunk) {}

  void* const owner_;
  const Thunk thunk_;
  bool in_flight_ = false;
};

}  // namespace millrace::io
