// A kernel for tests that runs by itself: sockets are two byte streams with a bounded buffer each,
// time is virtual and passes when nothing is ready, and Choices decide how much goes wrong. With
// all Faults at zero it is a calm and fast network.
//
//     ClientConn, BackendConn  <- Ring ->  SimNet  <- Link ->  FakeClient, FakeBackend
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "buffer/block.h"
#include "io/address.h"
#include "support/choices.h"
#include "support/sim_ring.h"

namespace millrace::testing {

// How often each thing goes wrong, per mille of the times when it could.
struct Faults {
  std::uint32_t short_receive = 0;   // fewer bytes than there are
  std::uint32_t short_send = 0;      // a send makes progress in pieces
  std::uint32_t stop_multishot = 0;  // the last completion of a shot, unasked
  std::uint32_t no_blocks = 0;       // ENOBUFS
  std::uint32_t ignore_credit = 0;   // an old kernel: a credit ends no shot
  std::uint32_t delay = 0;           // a completion comes later
  std::uint32_t few_per_turn = 0;    // completions wait for the next turn
  std::uint32_t reorder = 0;         // descriptors are looked at in another order
  std::uint32_t break_link = 0;      // ECONNRESET or ETIMEDOUT out of nowhere, per turn
  std::uint32_t refuse = 0;          // connects: refused, never answered, answered late
  std::uint32_t silent = 0;
  std::uint32_t slow_connect = 0;
  std::uint32_t accept_fails = 0;     // EMFILE
  std::uint32_t cancel_loses = 0;     // what was to be cancelled completes once more
  std::uint32_t spurious_hangup = 0;  // the watch wakes for nothing new
  std::uint32_t lost_end = 0;         // a receive that has told the last bytes never tells the end
  std::uint32_t lose_unread = 0;      // a reset destroys what its receiver has not read yet
  std::uint32_t clock_jump = 0;       // per turn
  std::uint32_t short_file = 0;       // a file takes or gives fewer bytes than asked for
  std::uint32_t file_full = 0;        // ENOSPC: a write, or making a file
  std::uint32_t file_fails = 0;       // EIO: a read
  Millis delay_max{20};
  Millis jump_max{5'000};
};

// One connection, as the proxy's peer sees it.
class Link {
 public:
  // Takes as much as the buffer towards the proxy holds.
  std::size_t write(std::string_view bytes);
  // All that has come, up to `most` bytes.
  std::string read(std::size_t most = SIZE_MAX);
  void end();    // ours; we go on reading
  void close();  // both directions; a reset where something was left unread
  void reset();

  [[nodiscard]] bool readable() const { return !to_peer_.empty(); }
  // The proxy has ended its direction, and all of it has been read.
  [[nodiscard]] bool ended() const { return proxy_ended_ && to_peer_.empty() && error_ == 0; }
  // Reset, by either side or the network, and what could still be read has been read.
  [[nodiscard]] bool broken() const { return error_ != 0 && to_peer_.empty(); }
  [[nodiscard]] bool closed_by_proxy() const { return proxy_closed_; }
  // Bytes that the proxy has not read yet.
  [[nodiscard]] std::size_t unread_by_proxy() const { return to_proxy_.size(); }
  void set_buffers(std::size_t to_proxy, std::size_t to_peer);
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  friend class SimNet;
  void break_off(int error, bool lose_unread);

  std::string to_proxy_;
  std::string to_peer_;
  std::size_t to_proxy_max_ = 65'536;
  std::size_t to_peer_max_ = 65'536;
  std::uint16_t port_ = 0;
  std::uint64_t taken_ = 0;   // bytes that the peer has read
  int error_ = 0;             // what the proxy's next operation fails with
  bool peer_ended_ = false;   // nothing more will come from the peer
  bool peer_closed_ = false;  // nor does it read any more
  bool proxy_ended_ = false;
  bool proxy_closed_ = false;
  bool resets_ = false;
  bool hangup_told_ = false;
  bool end_told_ = false;
};

class SimNet final : public SimRing {
 public:
  // An application that listens on a port.
  class Service {
   public:
    virtual void on_connection(std::shared_ptr<Link> link) = 0;

   protected:
    ~Service() = default;
  };

  explicit SimNet(Choices& choices, std::size_t blocks = 64, std::size_t block_bytes = 4096);
  ~SimNet() override;

  // Nobody there (null): connecting is refused.
  void serve(std::uint16_t port, Service* service) { services_[port] = service; }
  // Somebody there who never answers: connecting hangs.
  void serve_silently(std::uint16_t port) { silent_.insert(port); }
  Fd listen();
  void unlisten(Fd listener) { listeners_.erase(listener); }
  // A client connects. It may write at once; the proxy hears of it when it accepts.
  std::shared_ptr<Link> dial(Fd listener);
  // The same for a test without a listener: the connection has been accepted.
  struct Accepted {
    Fd fd = io::kNoFd;
    std::shared_ptr<Link> link;
  };
  Accepted accepted();

  [[nodiscard]] Millis now() const { return now_; }
  // Time stops then, at the latest, in the next turn(): a peer has something to do. One whose time
  // has come already waits for room or for bytes, and not for time.
  void wake_at(Millis time) {
    if (time > now_) wake_ = std::min(wake_, time);
  }
  void advance(Millis by) { now_ += by; }
  // One line per completion goes there, for people.
  void trace_to(std::FILE* file) { trace_ = file; }
  // The last turn delivered nothing, and moved nothing.
  [[nodiscard]] bool quiet() const { return quiet_; }
  [[nodiscard]] std::size_t open_descriptors() const { return links_.size() + files().size(); }
  [[nodiscard]] std::size_t spare_blocks() const { return spare_.blocks_in_use(); }
  // Buffers of connections made from now on.
  void set_buffers(std::size_t to_proxy, std::size_t to_peer) {
    to_proxy_max_ = to_proxy;
    to_peer_max_ = to_peer;
  }

  Fd open_socket(const io::SocketAddress& address) override;
  Fd accept(Fd listener) override;
  io::SocketAddress remote_address(Fd fd) override;
  std::uint64_t taken_by_peer(Fd fd) override { return link_of(fd).taken_; }
  void end_sending(Fd fd) override;
  void reset_when_closed(Fd fd) override;
  Fd open_temporary() override;
  void cancel(io::Op& op) override;
  void turn(std::optional<Millis> wait) override;

  Faults faults;

 private:
  struct Posted {
    io::Op* op = nullptr;
    io::Completion done;
  };
  enum class Outcome : std::uint8_t { Unknown, Open, Refused, Silent };
  struct Socket {
    std::shared_ptr<Link> link;
    Outcome outcome = Outcome::Unknown;
  };

  void scan();
  void serve_request(Request& request);
  void serve_connect(Request& request);
  void serve_receive(Request& request);
  void serve_send(Request& request);
  void serve_hangup(Request& request);
  void serve_readable(Request& request);
  void serve_close(Request& request);
  void serve_file(Request& request);
  bool hold(Request& request);
  void post(Request& request, int result, bool more, buffer::Slice bytes = {});
  void dispatch();
  void pass_time(std::optional<Millis> wait);
  void break_some_link();
  void check_ends();
  Link& link_of(Fd fd);
  Fd new_fd(std::shared_ptr<Link> link);

  Choices& choices_;
  buffer::BlockPool spare_;  // where received bytes go when blocks run short, as in the real ring
  std::map<Fd, Socket> links_;
  std::map<Fd, std::deque<std::shared_ptr<Link>>> listeners_;
  std::map<std::uint16_t, Service*> services_;
  std::set<std::uint16_t> silent_;
  std::vector<Fd> closed_fds_;  // used again at once, as the kernel does
  std::deque<Posted> posted_;
  std::size_t blocks_low_;
  std::size_t to_proxy_max_ = 65'536;
  std::size_t to_peer_max_ = 65'536;
  Millis now_{1'000'000};
  Millis wake_ = Millis::max();
  std::FILE* trace_ = nullptr;
  bool quiet_ = true;
  bool progressed_ = false;  // a send has moved bytes that its peer may read
};

}  // namespace millrace::testing
