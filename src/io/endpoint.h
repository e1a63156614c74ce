// A peer's address in 20 bytes, so that an idle connection stays small.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "io/address.h"

namespace millrace::io {

struct Endpoint {
  std::array<std::uint8_t, 16> bytes{};
  std::uint16_t port = 0;
  std::uint8_t family = 0;  // 4, 6, or 0 for a Unix socket

  static Endpoint of(const SocketAddress& address);
};

// An Endpoint as text: "127.0.0.1" and "8080"; a Unix socket is "unix:" and "".
class EndpointText {
 public:
  void set(const Endpoint& endpoint);
  [[nodiscard]] std::string_view host() const { return {host_.data(), host_size_}; }
  [[nodiscard]] std::string_view port() const { return {port_.data(), port_size_}; }

 private:
  std::array<char, 48> host_{};
  std::array<char, 6> port_{};
  std::uint8_t host_size_ = 0;
  std::uint8_t port_size_ = 0;
};

}  // namespace millrace::io
