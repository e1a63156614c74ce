// A connection to an application, and the one request that it carries at a time.
//
//            start()          open          begin_request()       END_REQUEST, all sent
//     (new) ---------> Opening ------> Ready -------------> Busy -----------------------> Idle
//                         |              ^                  |  |                          ^  |
//                         |              +------------------|--|--------------------------|--+
//                         take() |                        detach() |  | must be proven free      |
//                         v                                 v  v                          |
//                      Closing <---------------------- Draining --> Probing --------------+
//                                                                        GET_VALUES answered
//
// Draining: nobody wants the request any more, but its end is awaited. Probing: the application has
// ended the request, but may not be free yet (PHP's fastcgi_finish_request() ends a response while
// the script runs on); it answers GET_VALUES only when it reads the connection again.
//
// Bytes are only ever an answer to what was asked: any record but GET_VALUES_RESULT while no
// request is carried, and any byte behind END_REQUEST, closes the connection, and it is never used
// again.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/list.h"
#include "fcgi/record_reader.h"
#include "io/stream.h"

namespace millrace::proxy {

class BackendConn;
class BackendPool;
struct IdleTag;
struct FirstTag;

// How a connection failed the request that it carried.
enum class BackendFailure : std::uint8_t {
  Refused,     // connecting failed at once
  Unsent,      // it had broken before a byte of the request was taken
  Unanswered,  // it ended, or broke, before a byte of an answer
  Died,        // the same, inside the answer
  Protocol,    // what came is not FastCGI
};

// What a request hears of its connection, from the loop only.
class BackendUser {
 public:
  virtual void on_backend_open() = 0;
  // A piece of STDOUT, not empty.
  virtual void on_stdout(buffer::Slice content) = 0;
  virtual void on_stdout_end() = 0;
  virtual void on_stderr(std::string_view content) = 0;
  // The application has ended the request. The connection is no longer the user's.
  virtual void on_request_end(fcgi::EndRequest end) = 0;
  // The connection is gone, and no longer the user's. `reason` is a constant, for the log; `error`
  // an errno, or 0.
  virtual void on_backend_failed(BackendFailure failure, std::string_view reason, int error) = 0;
  // All bytes that came at once have been handed over.
  virtual void on_backend_pause() = 0;
  // Some of what was to be sent has left.
  virtual void on_backend_sent() = 0;

 protected:
  ~BackendUser() = default;
};

class BackendConn final : public base::ListNode<IdleTag>,
                          public base::ListNode<FirstTag>,
                          private io::Stream::Listener {
 public:
  enum class State : std::uint8_t { Opening, Ready, Busy, Draining, Probing, Idle, Closing };
  static constexpr std::uint16_t kRequestId = 1;

  // How a member's connections are used.
  struct Manner {
    bool keep = true;      // KEEP_CONN, and used again
    bool probe = true;     // proven free before that
    bool careful = false;  // also as long as it is not known whether that is needed
  };

  BackendConn(BackendPool& pool, io::Loop& loop);

  // Takes the descriptor of a new socket and connects it for `user`.
  void start(io::Fd fd, const io::SocketAddress& address, BackendUser& user);
  // Idle, when a pool hands it over: belongs to `user` from now on, and is Ready.
  void take(BackendUser& user);
  // Ready only: the caller has written a request's first records into out().
  void begin_request(Manner manner);

  // Where the request's records go; call flush() after appending.
  [[nodiscard]] buffer::Chain& out() { return stream_.out(); }
  void flush() { stream_.flush(); }
  // All of STDIN has been written, its end included: else the connection is not used again.
  void input_complete() { input_complete_ = true; }
  void pause() { stream_.pause(); }
  void resume() { stream_.resume(); }
  // What it carries lasts: the end of its stream is not missed.
  void watch() { stream_.watch_hangup(); }

  // The user goes. Of a request that has begun, with `drain`, the end is awaited in vain hope of
  // using the connection again; without, the connection is closed.
  void detach(bool drain);
  void close();

  [[nodiscard]] State state() const { return state_; }
  // It has served a request before the one that it carries.
  [[nodiscard]] bool reused() const { return requests_ > 1; }

 private:
  friend class BackendPool;
  void on_open() override;
  void on_bytes(buffer::Slice bytes) override;
  void on_end() override;
  void on_sent(std::size_t bytes) override;
  void on_closed() override;
  void on_hangup(bool gone) override;
  void on_timeout();

  bool take_record(const fcgi::RecordReader::Step& step, const buffer::Slice& bytes);
  void hand_over(const fcgi::RecordReader::Step& step, const buffer::Slice& bytes);
  void finish_request(fcgi::EndRequest end, bool surplus);
  void time_drain();
  void become_free();
  void begin_answer();
  void probe_or_free();
  void on_values(std::string_view pairs);
  void fail(BackendFailure failure, std::string_view reason);
  [[nodiscard]] bool carries() const { return state_ == State::Busy || state_ == State::Draining; }
  [[nodiscard]] BackendFailure lost() const;

  BackendPool& pool_;
  io::Stream stream_;
  fcgi::RecordReader reader_;
  io::Timer timer_ = io::Timer::to<&BackendConn::on_timeout>(this);  // idle, draining, probing
  BackendUser* user_ = nullptr;
  std::uint64_t requests_ = 0;
  io::Millis first_since_{0};  // when its first request was sent
  io::Millis probed_at_{0};
  State state_ = State::Opening;
  Manner manner_;
  bool input_complete_ = false;
  bool answering_ = false;  // a byte has come since begin_request()
  bool sent_ = false;       // a byte has left since then
  bool starving_ = false;   // counted as such in the table
};

}  // namespace millrace::proxy
