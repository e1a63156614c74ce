#include <algorithm>
#include <cerrno>

#include "base/must.h"
#include "support/sim_net.h"

namespace millrace::testing {

void Link::set_buffers(std::size_t to_proxy, std::size_t to_peer) {
  to_proxy_max_ = to_proxy;
  to_peer_max_ = to_peer;
}

std::size_t Link::write(std::string_view bytes) {
  if (error_ != 0) return 0;
  MUST(!peer_ended_);
  if (proxy_closed_) {
    break_off(ECONNRESET, false);
    return 0;
  }
  const std::size_t room = to_proxy_max_ - std::min(to_proxy_max_, to_proxy_.size());
  const std::string_view taken = bytes.substr(0, room);
  to_proxy_ += taken;
  return taken.size();
}

std::string Link::read(std::size_t most) {
  std::string taken = to_peer_.substr(0, most);
  to_peer_.erase(0, taken.size());
  taken_ += taken.size();
  return taken;
}

void Link::end() {
  peer_ended_ = true;
}

void Link::close() {
  if (!to_peer_.empty()) return reset();
  peer_ended_ = peer_closed_ = true;
}

void Link::reset() {
  break_off(ECONNRESET, true);
}

void Link::break_off(int error, bool lose_unread) {
  if (error_ != 0) return;
  error_ = error;
  peer_ended_ = true;
  to_proxy_.clear();
  if (lose_unread) to_peer_.clear();
}

}  // namespace millrace::testing
