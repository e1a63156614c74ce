// The only door to the kernel. UringRing opens it; the tests' SimRing is a kernel that can be
// scripted.
//
// No call here runs a handler before it returns: completions are delivered by turn(), so an owner
// never finds itself changed by its own request. Every started Op completes exactly once with
// `more` unset, whatever is cancelled, and in no promised order.
#pragma once

#include <sys/uio.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "base/must.h"
#include "buffer/chain.h"
#include "io/address.h"
#include "io/op.h"

namespace millrace::io {

using Fd = int;
inline constexpr Fd kNoFd = -1;
using Millis = std::chrono::milliseconds;

// What a receive goes into.
enum class BlockSize : std::uint8_t { Small, Medium, Large };
inline constexpr std::array<std::uint32_t, 3> kBlockBytes{16'384, 65'536, 524'288};

// Bytes after which a shot ends.
[[nodiscard]] constexpr std::uint32_t credit_of(BlockSize blocks) {
  return blocks == BlockSize::Small ? kBlockBytes[0] : kBlockBytes[1];
}

class Ring {
 public:
  Ring() = default;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  virtual ~Ring() = default;

  // A new socket for a connection to `address`, or a negative errno. Not an operation: it is there
  // at once.
  virtual Fd open_socket(const SocketAddress& address) = 0;
  // The remote and the local address of a connected socket.
  virtual SocketAddress remote_address(Fd fd) = 0;
  virtual SocketAddress local_address(Fd fd) = 0;
  // A number that changes whenever the remote side has taken some of what was sent.
  virtual std::uint64_t taken_by_peer(Fd fd) = 0;
  // Ends our direction of a connection: the peer sees the end of the stream after what was sent.
  virtual void end_sending(Fd fd) = 0;
  // Closing it will reset the connection: what the peer has got then does not look complete.
  virtual void reset_when_closed(Fd fd) = 0;

  // The next connection that waits at a listener, or a negative errno: -EAGAIN where none does. Not
  // an operation either: one in flight would take a connection before there is a place for it.
  virtual Fd accept(Fd listener) = 0;
  // `address` stays where it is until the completion.
  virtual void connect(Op& op, Fd fd, const SocketAddress& address) = 0;
  // Multishot, into blocks that the kernel picks, of the size that is named. A result of 0 is the
  // end of the stream. The shot ends once credit_of(blocks) bytes were received, where the kernel
  // can (6.17).
  virtual void receive(Op& op, Fd fd, BlockSize blocks) = 0;
  // Sends from the front of the chain and completes when all that was gathered is sent: the result
  // is its size, unless the connection broke. The chain's front stays as it is until then.
  virtual void send(Op& op, Fd fd, const buffer::Chain& bytes) = 0;
  // Multishot. The result is poll(2)'s: POLLRDHUP when the peer has ended its stream, POLLHUP or
  // POLLERR when both directions are closed or the connection has failed.
  virtual void watch_hangup(Op& op, Fd fd) = 0;
  // Completes when `fd` can be read. Of those who watch one listener, not all are woken.
  virtual void watch_readable(Op& op, Fd fd) = 0;
  // A file without a name, for what does not fit into memory, or a negative errno. Not an operation
  // either.
  virtual Fd open_temporary() = 0;
  // Writes from the front of the chain, at `offset` of a file. The result is how many bytes were
  // written, which may be fewer than there are. The chain's front stays as it is until then.
  virtual void write(Op& op, Fd file, const buffer::Chain& bytes, std::uint64_t offset) = 0;
  // Reads from `offset` of a file; the result may be less than there is room for, and is 0 at the
  // file's end. The memory belongs to the kernel until then; the list itself need not be kept.
  static constexpr std::size_t kReadVectors = 16;  // the longest list
  virtual void read(Op& op, Fd file, std::span<const iovec> into, std::uint64_t offset) = 0;
  virtual void close(Op& op, Fd fd) = 0;
  virtual void cancel(Op& op) = 0;

  // Hands over what was asked for, waits for a completion, at most until `wait` is over (not at all
  // if it is zero, for ever if it is absent), and delivers a bounded number of completions.
  virtual void turn(std::optional<Millis> wait) = 0;
  // Called between the wait and the deliveries, so that handlers know what time it is.
  std::function<void()> after_wait;

 protected:
  static void start(Op& op) {
    MUST(!op.in_flight_);
    op.in_flight_ = true;
  }
  static void deliver(Op& op, Completion done) {
    MUST(op.in_flight_);
    op.in_flight_ = done.more;
    op.thunk_(op.owner_, done);
  }
};

}  // namespace millrace::io
