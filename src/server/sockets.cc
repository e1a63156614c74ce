#include "server/sockets.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace millrace::server {
namespace {

// Accepting never waits: another worker, or nobody, may have what a listener was readable for.
constexpr int kListening = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;

std::string failure(const config::Listener& listener, const char* what) {
  return listener.address.text() + ": " + what + ": " + std::strerror(errno);
}

void set(int fd, int level, int option) {
  const int on = 1;
  ::setsockopt(fd, level, option, &on, sizeof on);
}

base::UniqueFd bound(const io::SocketAddress& address, bool reuse_port) {
  base::UniqueFd fd(::socket(address.family(), kListening, 0));
  if (!fd.valid()) return fd;
  set(fd.get(), SOL_SOCKET, SO_REUSEADDR);
  if (reuse_port) set(fd.get(), SOL_SOCKET, SO_REUSEPORT);
  if (address.family() == AF_INET6) set(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  set(fd.get(), IPPROTO_TCP, TCP_NODELAY);  // Accepted connections inherit it.
  if (::bind(fd.get(), address.get(), address.length) != 0) fd.reset(-1);
  return fd;
}

}  // namespace

base::Result<Sockets> Sockets::open(const config::Config& config, std::size_t workers) {
  Sockets sockets;
  for (const config::Listener& from : config.listeners) {
    Listener to;
    std::string error = from.address.kind == config::Address::Kind::Unix
                            ? open_unix(from, workers, to)
                            : open_tcp(from, workers, to);
    if (!error.empty()) return base::Error{std::move(error)};
    sockets.listeners_.push_back(std::move(to));
  }
  return sockets;
}

// SO_REUSEPORT would let a second millrace share the address unseen, so a first socket asks without
// it.
std::string Sockets::open_tcp(const config::Listener& from, std::size_t workers, Listener& to) {
  const auto address = io::tcp_address(from.address.host, from.address.port);
  if (!address.ok()) return address.error();
  to.address = address.value();
  {
    const base::UniqueFd alone = bound(to.address, false);
    if (!alone.valid()) return failure(from, "cannot listen");
    ::getsockname(alone.get(), to.address.get(), &to.address.length);
  }
  for (std::size_t i = 0; i < workers; ++i) {
    base::UniqueFd fd = bound(to.address, true);
    if (!fd.valid() || ::listen(fd.get(), from.backlog) != 0) return failure(from, "cannot listen");
    to.fds.push_back(std::move(fd));
  }
  return {};
}

// A file that nobody listens on any more is left over from a crash, and removed.
std::string Sockets::open_unix(const config::Listener& from, std::size_t workers, Listener& to) {
  const auto address = io::unix_address(from.address.path);
  if (!address.ok()) return address.error();
  to.address = address.value();
  struct stat found {};
  if (::lstat(from.address.path.c_str(), &found) == 0) {
    if (!S_ISSOCK(found.st_mode)) {
      return from.address.text() + ": there is a file that is no socket";
    }
    const base::UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(probe.get(), to.address.get(), to.address.length) == 0) {
      return from.address.text() + ": cannot listen: another process uses the socket";
    }
    if (errno == ECONNREFUSED) ::unlink(from.address.path.c_str());
  }
  base::UniqueFd fd(::socket(AF_UNIX, kListening, 0));
  if (!fd.valid() || ::bind(fd.get(), to.address.get(), to.address.length) != 0) {
    return failure(from, "cannot listen");
  }
  to.path = from.address.path;
  ::chmod(to.path.c_str(), 0666);
  if (::listen(fd.get(), from.backlog) != 0) return failure(from, "cannot listen");
  for (std::size_t i = 1; i < workers; ++i) {
    to.fds.emplace_back(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
    if (!to.fds.back().valid()) return failure(from, "cannot listen");
  }
  to.fds.push_back(std::move(fd));
  return {};
}

Sockets::~Sockets() {
  for (const Listener& listener : listeners_) {
    if (!listener.path.empty()) ::unlink(listener.path.c_str());
  }
}

base::UniqueFd Sockets::take(std::size_t listener, std::size_t worker) const {
  return std::move(listeners_[listener].fds[worker]);
}

}  // namespace millrace::server
