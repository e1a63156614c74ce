#include "demo/event_loop.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <limits>

namespace millrace::demo {
namespace {

constexpr std::size_t kInputBytes = std::size_t{256} * 1024;
constexpr std::size_t kEventsMax = 256;
constexpr std::size_t kPiecesMax = 64;

std::uint64_t now_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

}  // namespace

EventLoop::EventLoop(int listener, int wake, Application& application)
    : listener_(listener),
      wake_(wake),
      application_(application),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      input_(kInputBytes) {
  watch(listener_, EPOLL_CTL_ADD, EPOLLIN);
  watch(wake_, EPOLL_CTL_ADD, EPOLLIN);
}

void EventLoop::run() {
  std::array<epoll_event, kEventsMax> events{};
  while (true) {
    const int count =
        ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait_ms());
    if (count < 0 && errno != EINTR) return;
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (event.data.fd == wake_) return;
      on_event(event.data.fd, event.events);
    }
    wake_due();
  }
}

// A descriptor that was closed earlier in the batch is not found, or is that of a new connection,
// for which an event too many does no harm.
void EventLoop::on_event(int fd, std::uint32_t events) {
  if (fd == listener_) return accept_all();
  const auto found = connections_.find(fd);
  if (found == connections_.end()) return;
  Connection& connection = *found->second;
  const bool alive = (events & ~std::uint32_t{EPOLLOUT}) == 0 || read_some(connection);
  settle(connection, alive && write_all(connection));
}

void EventLoop::accept_all() {
  while (true) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      // Out of descriptors: until one is closed, the listener would only be reported over and over.
      if (errno == EMFILE || errno == ENFILE) pause_accepting(true);
      return;
    }
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // Fails on Unix sockets.
    connections_.emplace(fd, std::make_unique<Connection>(fd, application_, pool_));
    watch(fd, EPOLL_CTL_ADD, EPOLLIN);
  }
}

void EventLoop::pause_accepting(bool pause) {
  accepting_ = !pause;
  watch(listener_, EPOLL_CTL_MOD, pause ? 0U : std::uint32_t{EPOLLIN});
}

bool EventLoop::read_some(Connection& connection) {
  const ssize_t got = ::recv(connection.socket.get(), input_.data(), input_.size(), 0);
  if (got < 0) return would_block(errno);
  if (got == 0) return false;
  connection.conversation.receive({input_.data(), static_cast<std::size_t>(got)}, now_ms());
  return !connection.conversation.broken();
}

bool EventLoop::write_all(Connection& connection) {
  buffer::Chain& output = connection.conversation.output();
  while (!output.empty()) {
    std::array<iovec, kPiecesMax> pieces;
    const auto gathered = output.gather(pieces);
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = gathered.count;
    const ssize_t sent = ::sendmsg(connection.socket.get(), &message, MSG_NOSIGNAL);
    if (sent < 0) return would_block(errno);
    output.consume(static_cast<std::size_t>(sent));
    if (output.size() < Conversation::kOutputMax) connection.conversation.advance(now_ms());
  }
  return !connection.conversation.finished();
}

// Closes the connection, or arms what it waits for.
void EventLoop::settle(Connection& connection, bool alive) {
  const int fd = connection.socket.get();
  const std::optional<std::uint64_t> due = alive ? connection.conversation.due() : std::nullopt;
  if (due != connection.due) {
    if (connection.due) due_.erase({*connection.due, fd});
    if (due) due_.emplace(*due, fd);
    connection.due = due;
  }
  if (!alive) {
    connections_.erase(fd);
    if (!accepting_) pause_accepting(false);
    return;
  }
  const bool wants_to_write = !connection.conversation.output().empty();
  if (wants_to_write == connection.wants_to_write) return;
  connection.wants_to_write = wants_to_write;
  watch(fd, EPOLL_CTL_MOD, wants_to_write ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void EventLoop::wake_due() {
  if (due_.empty()) return;
  const std::uint64_t now = now_ms();
  while (!due_.empty() && due_.begin()->first <= now) {
    Connection& connection = *connections_.at(due_.begin()->second);
    connection.conversation.advance(now);
    due_.erase(due_.begin());
    connection.due.reset();
    settle(connection, write_all(connection));
  }
}

void EventLoop::watch(int fd, int operation, std::uint32_t events) const {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  ::epoll_ctl(epoll_.get(), operation, fd, &event);
}

int EventLoop::wait_ms() const {
  if (due_.empty()) return -1;
  const std::uint64_t now = now_ms();
  const std::uint64_t due = due_.begin()->first;
  constexpr std::uint64_t kMost = std::numeric_limits<int>::max();
  return due <= now ? 0 : static_cast<int>(std::min(due - now, kMost));
}

}  // namespace millrace::demo
