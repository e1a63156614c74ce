// `millrace demo`: the whole main job in one command. Two instances of the built-in application listen
// on loopback ports, as any FastCGI application would, and millrace balances over them.
#pragma once

#include <cstdint>

namespace millrace::server {

struct DemoOptions {
  bool once = false;         // one request, its answer checked, then the end
  std::uint16_t port = 8080;  // taken by another process: a free one; 0: any free one
};

// Returns the exit status.
int demo(const DemoOptions& options);

}  // namespace millrace::server
