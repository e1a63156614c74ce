// A client's connection: one request after the other, each an Exchange. An idle one holds no buffer
// and no exchange.
//
//     Idle <--------> Reading -----> Answering -----> (Idle | Reading: the next request)
//      |    first       |  head         |
//      |    byte        |  whole        | answered, not to be kept; or refused
//      v                v               v
//    Closing <------ Closing       Lingering ------> Closing
//                                  sends what is left, then reads and drops what the client still
//                                  sends, so that no reset destroys the answer (RFC 9112 9.6)
#pragma once

#include <cstdint>

#include "base/list.h"
#include "buffer/chain.h"
#include "io/endpoint.h"
#include "io/stream.h"

namespace millrace::proxy {

class Exchange;
class Proxy;
struct ClientTag;

class ClientConn final : public base::ListNode<ClientTag>, private io::Stream::Listener {
 public:
  // How the connection goes on after an answer.
  enum class After : std::uint8_t {
    Keep,    // the next request
    Close,   // once the answer is sent: the client has said that nothing more comes
    Linger,  // the same, but the client may still be sending
    Reset,   // once what there is of the answer is sent; it must not look complete
  };

  ClientConn(Proxy& proxy, std::size_t listener);

  void start(io::Fd fd, const io::Endpoint& local);

  // For the exchange.
  [[nodiscard]] buffer::Chain& out() { return stream_.out(); }
  void flush();
  // Reads on: the exchange may take more input now.
  void pump();
  // The answer is written to out(). The exchange is over and must not touch anything any more.
  void finish(After after);
  // Whether this may be kept open after the request that has just been read.
  [[nodiscard]] bool may_keep() const;
  // The request lasts: a client that goes is noticed from now on, whatever else is going on.
  void watch() { stream_.watch_hangup(); }
  void set_send_timeout(io::Millis timeout) { send_timeout_ = timeout; }

  [[nodiscard]] std::size_t listener() const { return listener_; }
  [[nodiscard]] const io::Endpoint& remote() const { return remote_; }
  [[nodiscard]] const io::Endpoint& local() const { return local_; }

  // For the proxy: no more requests after this one. Closes at once when idle.
  void drain();
  // The same for one that has just been accepted: its first request is awaited.
  void keep_no_more() { draining_ = true; }
  void close();

 private:
  enum class State : std::uint8_t { Idle, Reading, Answering, Lingering, Closing };

  void on_open() override {}
  void on_bytes(buffer::Slice bytes) override;
  void on_end() override;
  void on_sent(std::size_t bytes) override;
  void on_closed() override;
  void on_hangup(bool gone) override;
  void on_read_timeout();
  void on_send_timeout();

  bool take_input();
  void become_idle();
  void time_idling();
  void abandon();
  void time_reading();
  void take_end();
  void read_timeout(io::Millis timeout);
  void leave(After after);
  void linger();
  void end();
  bool owes_too_much();
  void reset();
  void time_sending();

  Proxy& proxy_;
  io::Stream stream_;
  buffer::Chain input_;  // received, not read yet
  io::Timer read_timer_ = io::Timer::to<&ClientConn::on_read_timeout>(this);
  io::Timer send_timer_ = io::Timer::to<&ClientConn::on_send_timeout>(this);
  io::Millis send_timeout_;
  std::uint64_t taken_ = 0;  // by the client, when its progress was last looked at
  Exchange* exchange_ = nullptr;
  std::uint32_t requests_ = 0;
  std::uint32_t listener_;
  io::Endpoint remote_;
  io::Endpoint local_;
  std::uint8_t stalls_ = 0;  // looks at it that have found none, one after the other
  State state_ = State::Idle;
  After after_ = After::Keep;
  bool pumping_ = false;
  bool after_body_ = false;  // the message may end without another byte
  bool finished_ = false;    // the exchange is over; pump() or finish() clears it away
  bool draining_ = false;
  bool head_timed_ = true;  // the read timer runs for the head, at first from accept on
};

}  // namespace millrace::proxy
