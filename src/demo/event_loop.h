// The demo application's sockets: one epoll loop that accepts, reads into conversations, writes
// what they have to say and wakes them when a delayed answer is due. It ends when the wake
// descriptor is readable, and closes all connections then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "buffer/block.h"
#include "demo/application.h"
#include "demo/conversation.h"

namespace millrace::demo {

class EventLoop {
 public:
  // The descriptors stay the caller's. `listener` does not block.
  EventLoop(int listener, int wake, Application& application);
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop() = default;

  void run();

 private:
  struct Connection {
    Connection(int fd, Application& application, buffer::BlockPool& pool)
        : socket(fd), conversation(application, pool) {}
    base::UniqueFd socket;
    Conversation conversation;
    std::optional<std::uint64_t> due;  // As it is in due_.
    bool wants_to_write = false;
  };

  void on_event(int fd, std::uint32_t events);
  void accept_all();
  void pause_accepting(bool pause);
  // False where the connection is over.
  [[nodiscard]] bool read_some(Connection& connection);
  [[nodiscard]] bool write_all(Connection& connection);
  void settle(Connection& connection, bool alive);
  void wake_due();
  void watch(int fd, int operation, std::uint32_t events) const;
  [[nodiscard]] int wait_ms() const;

  int listener_;
  int wake_;
  Application& application_;
  base::UniqueFd epoll_;
  bool accepting_ = true;
  std::vector<char> input_;
  buffer::BlockPool pool_;
  std::unordered_map<int, std::unique_ptr<Connection>> connections_;
  std::set<std::pair<std::uint64_t, int>> due_;
};

}  // namespace millrace::demo
