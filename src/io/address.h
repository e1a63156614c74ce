// Socket addresses: TCP over IPv4 and IPv6, and Unix sockets.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace millrace::io {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  [[nodiscard]] int family() const { return storage.ss_family; }
  [[nodiscard]] bool is_unix() const { return storage.ss_family == AF_UNIX; }
  [[nodiscard]] std::uint16_t port() const;  // 0 for a Unix socket
};

// A numeric address, IPv6 without brackets; an error where `host` is not numeric.
base::Result<SocketAddress> tcp_address(std::string_view host, std::uint16_t port);
// An error where the path does not fit into sockaddr_un.
base::Result<SocketAddress> unix_address(std::string_view path);
// Asks the resolver; blocks. At least one address, or an error.
base::Result<std::vector<SocketAddress>> resolve(const std::string& host, std::uint16_t port);

}  // namespace millrace::io
