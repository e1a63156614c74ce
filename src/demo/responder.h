// A small FastCGI application in a thread of its own: what `millrace demo` shows, and a backend for
// tests and benchmarks. One epoll loop, any number of connections, requests multiplexed on them.
// What it answers is application.h's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/fd.h"
#include "base/result.h"
#include "demo/application.h"

namespace millrace::demo {

class Responder {
 public:
  // Listens at "HOST:PORT" (a numeric IPv4 host; port 0: any) or "unix:PATH" (a socket that is left
  // over there is replaced). `name` is how the instance presents itself.
  [[nodiscard]] static base::Result<std::unique_ptr<Responder>> listen(std::string_view address,
                                                                       std::string_view name);
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  ~Responder();  // Stops it.

  // Of a TCP listener; else 0.
  [[nodiscard]] std::uint16_t port() const { return port_; }
  // "127.0.0.1:4000" or "unix:/path", with the port that was bound.
  [[nodiscard]] const std::string& address() const { return address_; }

  // Serves, in a thread of its own. Once; until then, connections wait in the backlog.
  void start();
  // Closes all connections and the listener, and waits for the thread. Any number of times.
  void stop();

  // Requests answered so far. Any thread.
  [[nodiscard]] std::uint64_t requests() const { return application_.requests(); }

 private:
  explicit Responder(std::string_view name);

  Application application_;
  base::UniqueFd listener_;
  base::UniqueFd wake_;  // An eventfd: readable once the thread shall end.
  std::thread thread_;
  std::string address_;
  std::string unix_path_;  // Removed at the end.
  std::uint16_t port_ = 0;
};

}  // namespace millrace::demo
