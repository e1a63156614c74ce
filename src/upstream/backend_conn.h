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
#include "upstream/backend_link.h"

namespace millrace::upstream {

class BackendPool;
struct IdleTag;
struct FirstTag;

class BackendConn final : public BackendLink,
                          public base::ListNode<IdleTag>,
                          public base::ListNode<FirstTag>,
                          private io::Stream::Listener {
 public:
  enum class State : std::uint8_t { Opening, Ready, Busy, Draining, Probing, Idle, Closing };
  static constexpr std::uint16_t kRequestId = 1;

  BackendConn(BackendPool& pool, io::Loop& loop);

  // Takes the descriptor of a new socket and connects it for `user`.
  void start(io::Fd fd, const io::SocketAddress& address, BackendUser& user);
  // Idle, when a pool hands it over: belongs to `user` from now on, and is Ready.
  void take(BackendUser& user);
  [[nodiscard]] bool ready() const override { return state_ == State::Ready; }
  void begin_request(Manner manner) override;
  void pause() override { stream_.pause(); }
  void resume() override { stream_.resume(); }
  void detach() override { abort(true); }
  void abort(bool drain) override;
  [[nodiscard]] bool reused() const override { return requests_ > 1; }
  void close();

  [[nodiscard]] State state() const { return state_; }

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
  bool answering_ = false;  // a byte has come since begin_request()
  bool sent_ = false;       // a byte has left since then
  bool starving_ = false;   // counted as such in the table
};

}  // namespace millrace::upstream
