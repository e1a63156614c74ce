#include "support/sim_net.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/must.h"

namespace millrace::testing {
namespace {

constexpr std::size_t kCompletionsPerTurn = 256;
constexpr int kFdFirst = 2'000'000;  // Never the number of a real descriptor.

constexpr const char* name_of(SimRing::Kind kind) {
  constexpr std::array kNames = {"connect",  "receive", "send",  "hangup",
                                 "readable", "close",   "write", "read"};
  return kNames.at(static_cast<std::size_t>(kind));
}

}  // namespace

SimNet::SimNet(Choices& choices, std::size_t blocks, std::size_t block_bytes)
    : SimRing(blocks, block_bytes), choices_(choices), blocks_low_(blocks / 4) {}

SimNet::~SimNet() {
  MUST(posted_.empty());
}

Fd SimNet::listen() {
  const Fd fd = SimRing::open_socket({});
  listeners_[fd];
  return fd;
}

std::shared_ptr<Link> SimNet::dial(Fd listener) {
  auto link = std::make_shared<Link>();
  link->set_buffers(to_proxy_max_, to_peer_max_);
  listeners_.at(listener).push_back(link);
  return link;
}

SimNet::Accepted SimNet::accepted() {
  auto link = std::make_shared<Link>();
  link->set_buffers(to_proxy_max_, to_peer_max_);
  const Fd fd = new_fd(link);
  return {fd, std::move(link)};
}

Fd SimNet::new_fd(std::shared_ptr<Link> link) {
  Fd fd = kFdFirst + static_cast<Fd>(links_.size() + closed_fds_.size());
  if (!closed_fds_.empty()) {
    fd = closed_fds_.back();
    closed_fds_.pop_back();
  }
  links_[fd].link = std::move(link);
  return fd;
}

Fd SimNet::open_socket(const io::SocketAddress& address) {
  auto link = std::make_shared<Link>();
  link->set_buffers(to_proxy_max_, to_peer_max_);
  link->port_ = address.port();
  return new_fd(std::move(link));
}

Fd SimNet::accept(Fd listener) {
  auto& waiting = listeners_.at(listener);
  if (waiting.empty()) return -EAGAIN;
  if (choices_.chance(faults.accept_fails)) return -EMFILE;
  const Fd fd = new_fd(std::move(waiting.front()));
  waiting.pop_front();
  return fd;
}

// Every client has a port of its own.
io::SocketAddress SimNet::remote_address(Fd fd) {
  return io::tcp_address("192.0.2.7", static_cast<std::uint16_t>(10'000 + fd % 50'000)).value();
}

void SimNet::end_sending(Fd fd) {
  link_of(fd).proxy_ended_ = true;
}

void SimNet::reset_when_closed(Fd fd) {
  link_of(fd).resets_ = true;
}

Fd SimNet::open_temporary() {
  refuse_files(choices_.chance(faults.file_full) ? ENOSPC : 0);
  return SimRing::open_temporary();
}

Link& SimNet::link_of(Fd fd) {
  return *links_.at(fd).link;
}

// What has completed already cannot be cancelled, though its owner has not heard of it yet.
void SimNet::cancel(io::Op& op) {
  for (Request& request : requests()) {
    if (request.op != &op || request.posted || request.cancelled) continue;
    request.cancelled = true;
    request.cancel_lost = choices_.chance(faults.cancel_loses);
  }
}

void SimNet::turn(std::optional<Millis> wait) {
  if (choices_.chance(faults.clock_jump)) {
    now_ += Millis(choices_.between(1, static_cast<std::uint64_t>(faults.jump_max.count())));
  }
  if (choices_.chance(faults.break_link)) break_some_link();
  progressed_ = false;
  scan();
  quiet_ = posted_.empty() && !progressed_;
  if (quiet_) check_ends();
  if (quiet_) pass_time(wait);
  wake_ = Millis::max();
  dispatch();
}

// Who watches a connection whose peer has ended its stream does not rely on a receive that keeps
// that to itself.
void SimNet::check_ends() {
  for (const Request& request : requests()) {
    if (!request.deaf || request.cancelled) continue;
    MUST(find(Kind::Hangup, request.fd) == nullptr || !link_of(request.fd).end_told_);
  }
}

// Nothing is ready: to the next moment when something may be.
void SimNet::pass_time(std::optional<Millis> wait) {
  Millis until = wake_;
  if (wait) until = std::min(until, now_ + *wait);
  for (const Request& request : requests()) {
    if (request.ready > now_) until = std::min(until, request.ready);
  }
  if (until != Millis::max()) now_ = std::max(now_, until);
}

void SimNet::break_some_link() {
  if (links_.empty()) return;
  auto at = links_.begin();
  std::advance(at, static_cast<long>(choices_.below(links_.size())));
  const int error = choices_.chance(500) ? ECONNRESET : ETIMEDOUT;
  at->second.link->break_off(error, choices_.chance(faults.lose_unread));
}

// Looks at every request once. Completing one never adds or removes another.
void SimNet::scan() {
  std::vector<Request>& all = requests();
  const std::size_t count = all.size();
  if (count == 0) return;
  const std::size_t first = choices_.chance(faults.reorder) ? choices_.below(count) : 0;
  const bool backwards = choices_.chance(faults.reorder);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = (first + i) % count;
    Request& request = all[backwards ? count - 1 - at : at];
    if (!request.posted && request.ready <= now_) serve_request(request);
  }
}

void SimNet::serve_request(Request& request) {
  switch (request.kind) {
    case Kind::Connect:
      return serve_connect(request);
    case Kind::Receive:
      return serve_receive(request);
    case Kind::Send:
      return serve_send(request);
    case Kind::Hangup:
      return serve_hangup(request);
    case Kind::Readable:
      return serve_readable(request);
    case Kind::Close:
      return serve_close(request);
    case Kind::Write:
    case Kind::Read:
      return serve_file(request);
  }
}

// Something could be reported now; true: but it will be only later.
bool SimNet::hold(Request& request) {
  if (!std::exchange(request.held, true) && choices_.chance(faults.delay)) {
    const auto most = static_cast<std::uint64_t>(faults.delay_max.count());
    request.ready = now_ + Millis(choices_.between(1, most));
    return true;
  }
  request.held = false;
  return false;
}

void SimNet::post(Request& request, int result, bool more, buffer::Slice bytes) {
  if (trace_ != nullptr) {
    std::fprintf(trace_, "%8ld ms  fd %d %s: %d%s\n", static_cast<long>(now_.count()), request.fd,
                 name_of(request.kind), result, more ? ", more" : "");
  }
  request.posted = !more;
  request.cancel_lost = false;
  Posted entry;
  entry.op = request.op;
  entry.done.result = result;
  entry.done.more = more;
  entry.done.bytes = std::move(bytes);
  posted_.push_back(std::move(entry));
}

void SimNet::serve_connect(Request& request) {
  Socket& socket = links_.at(request.fd);
  if (request.cancelled && !request.cancel_lost) return post(request, -ECANCELED, false);
  if (socket.outcome == Outcome::Unknown) {
    socket.outcome = choices_.chance(faults.refuse) ? Outcome::Refused : Outcome::Open;
    const bool silent = silent_.contains(request.address->port());
    if (silent || choices_.chance(faults.silent)) socket.outcome = Outcome::Silent;
    if (choices_.chance(faults.slow_connect)) {
      request.ready = now_ + Millis(choices_.between(1, 3'000));
      return;
    }
  }
  if (socket.outcome == Outcome::Silent) {
    if (request.cancelled) post(request, -ECANCELED, false);
    return;
  }
  if (hold(request)) return;
  Service* service = services_[request.address->port()];
  if (socket.outcome == Outcome::Refused || service == nullptr) {
    return post(request, -ECONNREFUSED, false);
  }
  service->on_connection(socket.link);
  post(request, 0, false);
}

void SimNet::serve_receive(Request& request) {
  Link& link = link_of(request.fd);
  if (request.cancelled && (!request.cancel_lost || link.to_proxy_.empty())) {
    return post(request, -ECANCELED, false);
  }
  if (request.deaf) return;
  const bool something = link.error_ != 0 || !link.to_proxy_.empty() || link.peer_ended_;
  if (!something || hold(request)) return;
  if (link.error_ != 0) return post(request, -link.error_, false);
  if (link.to_proxy_.empty()) return post(request, 0, false);
  std::size_t bytes = std::min(link.to_proxy_.size(), block_bytes());
  const bool credited = request.moved < request.credit && !choices_.chance(faults.ignore_credit);
  if (credited) bytes = std::min(bytes, request.credit - request.moved);
  if (choices_.chance(faults.short_receive)) bytes = choices_.size(1, bytes);
  if (choices_.chance(faults.no_blocks)) return post(request, -ENOBUFS, false);
  auto slice = fill_block(std::string_view(link.to_proxy_).substr(0, bytes));
  if (!slice) return post(request, -ENOBUFS, false);
  link.to_proxy_.erase(0, bytes);
  request.moved += bytes;
  const bool spent = credited && request.moved == request.credit;
  const bool stops = choices_.chance(request.cancelled ? 500 : faults.stop_multishot);
  const bool more = !spent && !stops;
  const bool over = link.error_ != 0 || link.peer_ended_;
  request.deaf = more && over && link.to_proxy_.empty() && choices_.chance(faults.lost_end);
  post(request, static_cast<int>(bytes), more, std::move(*slice));
}

// As with MSG_WAITALL: done when all is taken. What was taken before a cancel or an error is
// reported as a short count.
void SimNet::serve_send(Request& request) {
  Link& link = link_of(request.fd);
  const auto moved = static_cast<int>(request.moved);
  if (request.cancelled && !request.cancel_lost) {
    return post(request, moved > 0 ? moved : -ECANCELED, false);
  }
  if (link.error_ != 0) {
    if (hold(request)) return;
    return post(request, moved > 0 ? moved : -(choices_.chance(500) ? EPIPE : link.error_), false);
  }
  MUST(!link.proxy_ended_);  // Nothing is sent after our direction has been ended.
  check_pins(request);
  std::size_t bytes = request.copy.size() - request.moved;
  if (!link.peer_closed_) {
    bytes = std::min(bytes, link.to_peer_max_ - std::min(link.to_peer_max_, link.to_peer_.size()));
    if (bytes > 1 && choices_.chance(faults.short_send)) bytes = choices_.size(1, bytes);
    link.to_peer_.append(request.copy, request.moved, bytes);
  }
  request.moved += bytes;
  request.cancel_lost = false;
  progressed_ = progressed_ || bytes > 0;
  if (request.moved < request.copy.size() || hold(request)) return;
  post(request, static_cast<int>(request.moved), false);
  // What nobody reads is answered with a reset.
  if (link.peer_closed_) link.break_off(ECONNRESET, false);
}

void SimNet::serve_hangup(Request& request) {
  Link& link = link_of(request.fd);
  if (request.cancelled) return post(request, -ECANCELED, false);
  const bool over = link.error_ != 0 || (link.peer_ended_ && link.proxy_ended_);
  if (over && !link.hangup_told_) {
    if (hold(request)) return;
    link.hangup_told_ = true;
    return post(request, POLLHUP | POLLERR, choices_.chance(500));
  }
  if (!link.peer_ended_ || (!link.end_told_ && hold(request))) return;
  if (!std::exchange(link.end_told_, true)) return post(request, POLLRDHUP, true);
  if (choices_.chance(faults.spurious_hangup)) {
    post(request, POLLRDHUP | POLLIN, !choices_.chance(faults.stop_multishot));
  }
}

void SimNet::serve_readable(Request& request) {
  const bool readable = !listeners_.at(request.fd).empty();
  if (request.cancelled && (!request.cancel_lost || !readable)) {
    return post(request, -ECANCELED, false);
  }
  if (readable && !hold(request)) post(request, POLLIN, false);
}

// The last thing that happens to a descriptor. Bytes that the proxy has not read are answered with
// a reset, as TCP does.
void SimNet::serve_close(Request& request) {
  if (hold(request)) return;
  if (close_file(request.fd)) return post(request, 0, false);
  Link& link = link_of(request.fd);
  link.proxy_closed_ = true;
  if (link.resets_ || !link.to_proxy_.empty()) {
    link.break_off(ECONNRESET, choices_.chance(faults.lose_unread));
  }
  link.proxy_ended_ = true;
  links_.erase(request.fd);
  closed_fds_.push_back(request.fd);
  post(request, 0, false);
}

void SimNet::serve_file(Request& request) {
  if (request.cancelled && !request.cancel_lost) return post(request, -ECANCELED, false);
  if (hold(request)) return;
  const bool writes = request.kind == Kind::Write;
  if (writes && choices_.chance(faults.file_full)) return post(request, -ENOSPC, false);
  if (!writes && choices_.chance(faults.file_fails)) return post(request, -EIO, false);
  std::size_t most = request.copy.size();
  if (choices_.chance(faults.short_file)) most = choices_.size(1, most);
  post(request, static_cast<int>(carry_out(request, most)), false);
}

void SimNet::dispatch() {
  std::size_t most = kCompletionsPerTurn;
  if (choices_.chance(faults.few_per_turn)) most = 1 + choices_.below(4);
  for (; most > 0 && !posted_.empty(); --most) {
    Posted entry = std::move(posted_.front());
    posted_.pop_front();
    if (!entry.done.more) {
      const auto request = std::ranges::find(requests(), entry.op, &Request::op);
      MUST(request != requests().end());
      retire(static_cast<std::size_t>(request - requests().begin()));
    }
    if (!entry.done.bytes.empty() && free_blocks() < blocks_low_) {
      entry.done.bytes = spare_.copy(entry.done.bytes.text());
    }
    hand_over(*entry.op, std::move(entry.done));
  }
}

}  // namespace millrace::testing
