// An HTTP/1 client as a plan: what it asks, how it writes and reads, when it leaves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/http_reply.h"
#include "support/sim_net.h"

namespace millrace::testing {

struct Ask {
  std::string bytes;  // the head and the body as they are sent
  bool head = false;  // a HEAD request
  // Expect: 100-continue. Bytes from here on are sent after a 100, or after a second.
  std::size_t waits_at = SIZE_MAX;
};

struct ClientPlan {
  enum class Leave : std::uint8_t {
    Stays,
    HalfCloses,  // ends its direction behind its last request, and reads on
    Closes,
    Resets,
  };
  std::vector<Ask> asks;
  bool pipelined = false;             // does not wait for an answer before the next request
  std::size_t write_most = SIZE_MAX;  // bytes at a time
  std::size_t read_most = SIZE_MAX;
  Millis gap{0};    // between two times
  Millis stays{0};  // idle after its last answer
  Leave leave = Leave::Stays;
  std::size_t leave_after = SIZE_MAX;  // Closes, Resets: once so many bytes are written
};

class FakeClient {
 public:
  enum class End : std::uint8_t {
    Running,
    Done,      // all answered; it has closed
    Left,      // as planned
    ProxyEnd,  // the proxy has ended its stream
    Broken,    // reset
    BadReply,  // not HTTP
  };

  FakeClient(std::shared_ptr<Link> link, ClientPlan plan)
      : link_(std::move(link)), plan_(std::move(plan)) {}

  // Does what can be done now. True: something was done.
  bool step(Millis now);
  // When it has something to do by itself; Millis::max() where it only waits.
  [[nodiscard]] Millis next() const;
  [[nodiscard]] bool over() const { return end_ != End::Running; }
  [[nodiscard]] End end() const { return end_; }
  // Whole ones, interim ones left out.
  [[nodiscard]] const std::vector<Reply>& replies() const { return replies_; }
  [[nodiscard]] const std::vector<Reply>& interims() const { return interims_; }
  // The reply that was being read when the connection ended.
  [[nodiscard]] const Reply& rest() const { return reader_.reply(); }
  // Where the end is BadReply: the line that is not HTTP.
  [[nodiscard]] const std::string& bad_line() const { return reader_.last_line(); }
  [[nodiscard]] bool rest_started() const { return reader_.started(); }
  // Bytes that came though they answer no request.
  [[nodiscard]] const std::string& surplus() const { return surplus_; }
  // From now on it reads and writes as fast as it can.
  void hurry();
  // Requests of which at least a byte was written.
  [[nodiscard]] std::size_t begun() const { return begun_; }
  // Requests that were written whole.
  [[nodiscard]] std::size_t written() const { return asked_; }

 private:
  bool write(Millis now);
  bool read();
  void take_bytes(std::string_view bytes);
  void finish(End end);
  [[nodiscard]] bool may_write() const;

  std::shared_ptr<Link> link_;
  ClientPlan plan_;
  ReplyReader reader_;
  std::vector<Reply> replies_;
  std::vector<Reply> interims_;
  std::size_t asked_ = 0;  // requests written whole
  std::size_t begun_ = 0;
  std::size_t offset_ = 0;           // within the next one
  std::size_t interims_before_ = 0;  // those that belong to earlier requests
  std::size_t written_ = 0;
  Millis next_{0};
  Millis continue_at_ = Millis::max();
  Millis done_at_ = Millis::max();
  End end_ = End::Running;
  bool continued_ = false;
  bool half_closed_ = false;
  std::string surplus_;
};

}  // namespace millrace::testing
