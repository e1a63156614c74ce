// A small FastCGI application in a thread of its own: what `millrace demo` shows, and a backend for
// tests and benchmarks. One epoll loop, any number of connections, requests multiplexed on them.
// What it answers is application.h's.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/fd.h"
#include "base/result.h"

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

  // Serves, in a thread of its own. Once.
  void start();
  // Closes all connections and waits for the thread. Any number of times.
  void stop();

  // Requests answered so far. Any thread.
  [[nodiscard]] std::uint64_t requests() const;

 private:
  Responder() = default;
  void run();

  base::UniqueFd listener_;
  base::UniqueFd wake_;  // An eventfd: readable once the thread shall end.
  std::thread thread_;
  std::string name_;
  std::string address_;
  std::string unix_path_;  // Removed again on stop.
  std::uint16_t port_ = 0;
  std::atomic<std::uint64_t> requests_ = 0;
};

}  // namespace millrace::demo
