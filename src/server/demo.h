// `millrace demo`: the whole main job in one command. Two instances of the built-in application
// listen on loopback ports, as any FastCGI application would, and millrace balances over them. With
// addresses, it is the application alone: a backend for benchmarks and for other proxies.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::server {

struct DemoOptions {
  bool once = false;          // one request, its answer checked, then the end
  std::uint16_t port = 8080;  // taken by another process: a free one; 0: any free one
};

// Returns the exit status.
int demo(const DemoOptions& options);
// Serves the built-in application at each of the addresses ("HOST:PORT" or "unix:PATH") until a
// signal ends it. Returns the exit status.
int serve_application(const std::vector<std::string>& addresses);

}  // namespace millrace::server
