// A connection to an application that takes many requests at once on it, each in a lane with a
// request id of its own.
//
//            start()          open             close(), or the stream has ended
//     (new) ---------> Opening ------> Open ----------------------------------> Closing
//
// A lane:
//            take()         begin_request()       END_REQUEST, all handed over
//     Free ---------> Taken ---------------> Busy -----------------------------> Free
//       ^               | detach(), abort()    | detach()          END_REQUEST     ^
//       +---------------+                      +---------> Draining ---------------+
//                                              | abort(): FCGI_ABORT_REQUEST
//                                              +---------> Aborted
//
// A request never holds up its neighbours: what its client does not take is kept in a spool, up to
// 256 KiB in memory and the rest in a temporary file. An id is not used again before the
// application has ended its request; and that of an aborted request never, since applications (Go's
// net/http/fcgi) end one at once and send what their handler still writes all the same. So a
// connection with an aborted request takes no new ones, and closes once the others have ended. Ids
// rest as long as there are others.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/list.h"
#include "fcgi/record_reader.h"
#include "io/spool.h"
#include "io/stream.h"
#include "upstream/backend_link.h"

namespace millrace::upstream {

class BackendPool;
class SharedConn;
struct SharedTag;
struct RestingTag;
struct TouchedTag;
struct WritingTag;

class Lane final : public BackendLink,
                   public base::ListNode<RestingTag>,
                   public base::ListNode<TouchedTag>,
                   public base::ListNode<WritingTag>,
                   private io::Spool::User {
 public:
  Lane(SharedConn& conn, std::uint16_t id);

  [[nodiscard]] bool ready() const override;
  void begin_request(Manner manner) override;
  void pause() override { paused_ = true; }
  void resume() override;
  void detach() override;
  void abort(bool drain) override;
  [[nodiscard]] bool reused() const override { return reused_; }

 private:
  friend class SharedConn;
  enum class State : std::uint8_t { Free, Taken, Busy, Draining, Aborted };

  void take(BackendUser& user);
  void on_record(const fcgi::RecordReader::Step& step, const buffer::Slice& bytes);
  void on_end(fcgi::EndRequest end);
  void on_spool_moved() override;
  void on_spool_failed(int error) override;

  void keep(std::string_view content);
  void deliver();
  void finish();
  void fail(BackendFailure failure, std::string_view reason, int error);
  void close_spool();
  void set_full(bool full);
  void leave();
  void give_back();

  SharedConn& conn_;
  BackendUser* user_ = nullptr;
  io::Spool* spool_ = nullptr;  // what the user has not taken
  std::optional<fcgi::EndRequest> end_;
  std::uint32_t serial_ = 0;    // of the request
  std::uint64_t begun_at_ = 0;  // sends of the connection until then
  State state_ = State::Free;
  bool full_ = false;  // the spool takes no more for now
  bool paused_ = false;
  bool answering_ = false;  // a byte has come
  bool reused_ = false;
  bool stdout_ended_ = false;  // kept back, behind what is spooled
};

class SharedConn final : public base::ListNode<SharedTag>, private io::Stream::Listener {
 public:
  SharedConn(BackendPool& pool, io::Loop& loop);

  // Takes the descriptor of a new socket and connects it.
  void start(io::Fd fd, const io::SocketAddress& address) { stream_.connect(fd, address); }
  // A lane for `user`, or none where `most` are in use.
  [[nodiscard]] Lane* take(BackendUser& user, std::size_t most);
  [[nodiscard]] std::size_t busy() const { return busy_; }
  [[nodiscard]] bool has_room(std::size_t most) const { return !retired_ && busy_ < most; }
  // No more requests: it closes as soon as it carries none that is wanted.
  void retire();
  void close();

 private:
  friend class Lane;
  friend class BackendPool;
  enum class State : std::uint8_t { Opening, Open, Closing };

  void on_open() override;
  void on_bytes(buffer::Slice bytes) override;
  void on_end() override;
  void on_sent(std::size_t bytes) override;
  void on_closed() override;
  void on_hangup(bool gone) override;
  void on_timeout();
  void on_drain_timeout();

  bool take_record(const fcgi::RecordReader::Step& step, const buffer::Slice& bytes);
  void lane_free(Lane& lane);
  void lane_lost();
  void close_if_done();
  void fail(BackendFailure failure, std::string_view reason, int error);
  [[nodiscard]] Lane* lane(std::uint16_t id);

  BackendPool& pool_;
  io::Stream stream_;
  fcgi::RecordReader reader_;
  std::vector<std::unique_ptr<Lane>> lanes_;  // the lane of id N at N - 1
  base::List<Lane, RestingTag> free_;         // the longest at rest first
  base::List<Lane, TouchedTag> touched_;      // have been handed something that came just now
  base::List<Lane, WritingTag> writing_;      // whose STDIN goes on, the next to write first
  io::Timer timer_ = io::Timer::to<&SharedConn::on_timeout>(this);  // idle, or closed
  io::Timer drain_timer_ = io::Timer::to<&SharedConn::on_drain_timeout>(this);
  std::size_t busy_ = 0;     // lanes in use
  std::size_t users_ = 0;    // whose user has not gone
  std::size_t full_ = 0;     // whose spool takes no more
  std::size_t most_ = 0;     // lanes, as the last request wanted it
  std::uint64_t sends_ = 0;  // completed
  bool answered_ = false;    // a request has been ended here
  bool retired_ = false;
  bool closed_ = false;  // answers that are whole are still handed over
  bool idle_ = false;    // counted as such by the pool
  State state_ = State::Opening;
};

}  // namespace millrace::upstream
