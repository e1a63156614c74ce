// What is known of a request besides its head: where it came from and over what.
#pragma once

#include <string_view>

#include "config/config.h"
#include "http/request.h"

namespace millrace::proxy {

// Text that the connection keeps for as long as it lives; ports in decimal. Of a Unix socket,
// addresses are "unix:" and ports are empty.
struct RequestFacts {
  std::string_view remote_addr;
  std::string_view remote_port;
  std::string_view server_addr;
  std::string_view server_port;
  std::string_view scheme = "http";
  std::string_view tls_version;  // empty without TLS
  std::string_view request_id;
  std::string_view protocol;  // empty: HTTP/1 as the head says
};

// The host that a request asks for: without Host (HTTP/1.0), the site's first name, else the
// listener's address.
[[nodiscard]] std::string_view effective_host(const http::RequestHead& head,
                                              const config::Site& site, const RequestFacts& facts);

}  // namespace millrace::proxy
