#include "io/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace millrace::io {

Endpoint Endpoint::of(const SocketAddress& address) {
  Endpoint endpoint;
  endpoint.port = address.port();
  if (address.family() == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(&address.storage);
    std::memcpy(endpoint.bytes.data(), &in->sin_addr, 4);
    endpoint.family = 4;
  } else if (address.family() == AF_INET6) {
    const auto* in = reinterpret_cast<const sockaddr_in6*>(&address.storage);
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&in->sin6_addr);
    const std::uint8_t* from = &in->sin6_addr.s6_addr[mapped ? 12 : 0];
    std::copy_n(from, mapped ? 4 : 16, endpoint.bytes.begin());
    endpoint.family = mapped ? 4 : 6;
  }
  return endpoint;
}

void EndpointText::set(const Endpoint& endpoint) {
  char* at = host_.data();
  char* const end = at + host_.size();
  if (endpoint.family == 4) {
    for (std::size_t i = 0; i < 4; ++i) {
      if (i > 0) *at++ = '.';
      at = std::to_chars(at, end, endpoint.bytes[i]).ptr;
    }
  } else if (endpoint.family == 6) {
    inet_ntop(AF_INET6, endpoint.bytes.data(), at, static_cast<socklen_t>(host_.size()));
    at += std::strlen(at);
  } else {
    at = std::copy_n("unix:", 5, at);
  }
  host_size_ = static_cast<std::uint8_t>(at - host_.data());
  port_size_ = 0;
  if (endpoint.family == 0) return;
  const char* port_end =
      std::to_chars(port_.data(), port_.data() + port_.size(), endpoint.port).ptr;
  port_size_ = static_cast<std::uint8_t>(port_end - port_.data());
}

}  // namespace millrace::io
