#include "server/demo.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "config/load.h"
#include "demo/responder.h"
#include "server/process.h"
#include "server/supervisor.h"

namespace millrace::server {
namespace {

std::string configuration(std::uint16_t port, const demo::Responder& one,
                          const demo::Responder& two) {
  return fmt::format(R"([[listen]]
address = "127.0.0.1:{}"

[[site]]
[[site.route]]
path = "/"
to = "balancer://demo/"

[balancer.demo]
members = [
  {{ url = "fcgi://{}/" }},
  {{ url = "fcgi://{}/" }},
]
)",
                     port, one.address(), two.address());
}

bool is_free(std::uint16_t port) {
  const auto address = io::tcp_address("127.0.0.1", port);
  const base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return ::bind(fd.get(), address.value().get(), address.value().length) == 0;
}

// One request, as a user's curl would make it. The whole answer; empty if there was none.
std::string request(const io::SocketAddress& address) {
  const base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), address.get(), address.length) != 0) return {};
  const std::string text = fmt::format(
      "GET /hello?from=demo HTTP/1.1\r\nHost: localhost:{}\r\nUser-Agent: millrace-demo\r\n"
      "Accept: text/plain\r\nConnection: close\r\n\r\n",
      address.port());
  if (::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) < 0) return {};
  std::string answer;
  std::array<char, 4096> piece{};
  for (ssize_t n = 0; (n = ::recv(fd.get(), piece.data(), piece.size(), 0)) > 0;) {
    answer.append(piece.data(), static_cast<std::size_t>(n));
  }
  return answer;
}

// Shows one request and its answer. False: the answer was not what the application gives.
bool show_example(const io::SocketAddress& address) {
  fmt::print("\n$ curl -i 'http://127.0.0.1:{}/hello?from=demo'\n", address.port());
  const std::string answer = request(address);
  const bool good = answer.starts_with("HTTP/1.1 200 OK\r\n") &&
                    answer.find("/hello?from=demo") != std::string::npos;
  fmt::print("{}\n", answer.empty() ? "(no answer)\n" : answer);
  return good;
}

}  // namespace

int demo(const DemoOptions& options) {
  auto one = demo::Responder::listen("127.0.0.1:0", "one");
  auto two = demo::Responder::listen("127.0.0.1:0", "two");
  if (!one.ok() || !two.ok()) {
    fmt::print(stderr, "millrace: {}\n", one.ok() ? two.error() : one.error());
    return 1;
  }
  block_signals();
  one.value()->start();
  two.value()->start();

  const std::uint16_t port = options.once || !is_free(options.port) ? 0 : options.port;
  const std::string text =
      configuration(std::max<std::uint16_t>(options.port, 1), *one.value(), *two.value());
  config::Loaded loaded = config::load_text(text, "demo.toml");
  if (!loaded.config) {
    for (const config::Fault& fault : loaded.faults) {
      fmt::print(stderr, "{}\n", config::render(fault, "demo.toml", text));
    }
    return 1;
  }
  loaded.config->listeners.front().address.port = port;
  bool good = true;
  const int status = serve(std::move(*loaded.config), [&](const Sockets& sockets) {
    const io::SocketAddress& address = sockets.address(0);
    fmt::print("This configuration is running, with the built-in application as {} and {}:\n\n{}\n",
               one.value()->address(), two.value()->address(),
               configuration(address.port(), *one.value(), *two.value()));
    fmt::print("Open http://127.0.0.1:{}/ or try /env, /s/1024, /d/500, /echo; Ctrl-C ends it.\n",
               address.port());
    good = show_example(address);
    std::fflush(stdout);
    if (options.once) ::kill(::getpid(), SIGTERM);
  });
  one.value()->stop();
  two.value()->stop();
  if (!good) fmt::print(stderr, "millrace: the demo's answer is not what the application gives\n");
  return good ? status : 1;
}

int serve_application(const std::vector<std::string>& addresses) {
  block_signals();
  raise_descriptor_limit();
  std::vector<std::unique_ptr<demo::Responder>> responders;
  for (const std::string& address : addresses) {
    auto responder = demo::Responder::listen(address, address);
    if (!responder.ok()) {
      fmt::print(stderr, "millrace: {}\n", responder.error());
      return 1;
    }
    responders.push_back(std::move(responder.value()));
    responders.back()->start();
  }
  for (const auto& responder : responders) {
    fmt::print("application: {}\n", responder->address());
  }
  std::fflush(stdout);
  const sigset_t signals = handled_signals();
  int signal = 0;
  while (signal != SIGTERM && signal != SIGQUIT && signal != SIGINT) {
    ::sigwait(&signals, &signal);
  }
  return 0;
}

}  // namespace millrace::server
