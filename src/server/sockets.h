// The listening sockets, made before privileges are dropped. Each worker has one of its own for
// every TCP address (SO_REUSEPORT spreads new connections); a Unix socket is one, which all accept
// from.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "config/config.h"
#include "io/address.h"

namespace millrace::server {

class Sockets {
 public:
  // Binds everything, for `workers` threads. An address in use is an error, also where another
  // millrace uses it.
  static base::Result<Sockets> open(const config::Config& config, std::size_t workers);

  Sockets(Sockets&&) = default;
  Sockets& operator=(Sockets&&) = default;
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;
  // Removes the Unix sockets' files.
  ~Sockets();

  [[nodiscard]] std::size_t count() const { return listeners_.size(); }
  // A worker's own descriptor, to be taken once. When all of a socket's are closed, it is.
  [[nodiscard]] base::UniqueFd take(std::size_t listener, std::size_t worker) const;
  // Where a listener really listens: a port 0 is replaced by the one that was given.
  [[nodiscard]] const io::SocketAddress& address(std::size_t listener) const {
    return listeners_[listener].address;
  }

 private:
  struct Listener {
    io::SocketAddress address;
    mutable std::vector<base::UniqueFd> fds;  // one per worker
    std::string path;                         // of a Unix socket
  };
  Sockets() = default;
  static std::string open_tcp(const config::Listener& from, std::size_t workers, Listener& to);
  static std::string open_unix(const config::Listener& from, std::size_t workers, Listener& to);

  std::vector<Listener> listeners_;
};

}  // namespace millrace::server
