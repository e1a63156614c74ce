// The life of one connected socket, a client's or a backend's. It moves bytes and knows when the
// socket is gone; what the bytes mean is for its listener.
//
//              connect()               connected
//     Closed ------------> Connecting ------------> Open
//       |                      |                    ^  |
//       |  adopt()             | error, close()     |  | error, close()
//       +----------------------|--------------------+  |
//       ^                      v                       |
//       +------------------ Closing <------------------+
//          socket closed
//
// Closing first waits until the kernel has returned every operation, then closes the socket:
// closing sooner would let an operation still queued act on whoever gets the descriptor's number
// next, and one already in the kernel would keep the socket open. The end of the peer's stream does
// not close the stream: the listener decides.
//
// Sending: what is put into out() is gathered once per turn of the loop into one send; one send is
// in flight while the next gathers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/list.h"
#include "buffer/chain.h"
#include "io/loop.h"
#include "io/op.h"

namespace millrace::io {

class Stream : private base::ListNode<UnsentTag> {
 public:
  enum class State : std::uint8_t { Closed, Connecting, Open, Closing };
  enum class Reason : std::uint8_t { None, Asked, ConnectFailed, ReadFailed, WriteFailed, HungUp };

  // Told what happens, from the loop only. May call any function of the stream from any of these,
  // but destroy it only from on_closed().
  class Listener {
   public:
    virtual void on_open() = 0;  // connect() succeeded; not after adopt()
    virtual void on_bytes(buffer::Slice bytes) = 0;
    virtual void on_end() = 0;  // the peer's stream ended; once, after its last bytes
    virtual void on_sent(std::size_t bytes) = 0;  // so much left out(); it may hold more
    virtual void on_closed() = 0;
    // After watch_hangup(): the peer has ended its stream, perhaps behind bytes that are not
    // received yet; `gone`: it reads no more either.
    virtual void on_hangup(bool gone) = 0;

   protected:
    ~Listener() = default;
  };

  Stream(Loop& loop, Listener& listener) : loop_(loop), listener_(listener), out_(loop.blocks) {}

  void connect(Fd fd, const SocketAddress& address);  // Closed only. Takes the descriptor.
  void adopt(Fd fd);                                  // Closed only. Takes a connected descriptor.

  // Bytes to send. Call flush() after appending: they leave at the end of the turn. In Connecting
  // they leave when the stream is open; in Closing they are dropped.
  [[nodiscard]] buffer::Chain& out() { return out_; }
  void flush();
  // Ends our direction once out() is empty. Nothing may be appended afterwards.
  void end_sending();

  // Stops and restarts receiving. What is already on its way still arrives after pause().
  void pause();
  void resume();
  [[nodiscard]] bool paused() const { return paused_; }
  // For what lasts: on_hangup() tells what the receive cannot. And the receive is started anew when
  // the peer's stream has ended, since kernels can keep that to themselves: a multishot that finds
  // bytes and their end at once, on a Unix socket, or is woken for both delivers the bytes only.
  void watch_hangup();
  // The watch has told of the end, and on_end() is still to come.
  [[nodiscard]] bool end_ahead() const { return end_ahead_ && !ended_; }
  // It has told that the peer is gone altogether.
  [[nodiscard]] bool gone() const { return gone_; }

  void close(Reason reason);  // Any state, any number of times. The first reason is kept.
  void reset();               // The same, and the peer sees a reset if it was open.

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] Reason reason() const { return reason_; }
  [[nodiscard]] int error() const { return error_; }  // errno of a failure, else 0
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] Fd fd() const { return fd_; }
  [[nodiscard]] Loop& loop() const { return loop_; }

 private:
  friend struct Loop;
  template <typename T, typename Tag>
  friend class base::List;

  void on_life(Completion& done);
  void on_connected(Completion& done);
  void on_received(Completion& done);
  void on_send_done(Completion& done);
  void on_hangup(Completion& done);
  void on_socket_closed();

  void enter(State next);
  void fail(Reason reason, int error);
  void arm();
  void start_send();
  void finish_closing();

  Loop& loop_;
  Listener& listener_;
  buffer::Chain out_;
  Op receive_ = Op::to<&Stream::on_received>(this);
  Op send_ = Op::to<&Stream::on_send_done>(this);
  Op life_ = Op::to<&Stream::on_life>(this);  // connecting, watching, closing: one after the other
  Fd fd_ = kNoFd;
  std::int32_t error_ = 0;
  State state_ = State::Closed;
  Reason reason_ = Reason::None;
  bool paused_ = false;
  bool ended_ = false;
  bool end_ahead_ = false;  // the peer's stream has ended, whether or not we have read so far
  BlockSize blocks_ = BlockSize::Small;
  bool cancelling_ = false;  // the receive in flight was asked to stop
  bool gone_ = false;
  bool ending_ = false;  // end_sending() was asked for
};

}  // namespace millrace::io
