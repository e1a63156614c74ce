// A warm worker allocates nothing for a request. This program counts the allocations of each
// thread: the proxy and its client run here, on the real ring; the application has a thread of its
// own, whose allocations are not asked about.
#include <doctest/doctest.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/fd.h"
#include "config/load.h"
#include "counting_new.h"
#include "demo/responder.h"
#include "io/uring_ring.h"
#include "proxy/proxy.h"

namespace millrace::proxy {
namespace {

using io::Millis;

constexpr int kWarmUp = 100;
constexpr int kCounted = 1'000;

struct Ask {
  std::string_view request;
  std::string_view status_line;
  std::string_view ends_with;
};

constexpr std::array<Ask, 5> kAsks{{
    {"GET /s/1024 HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br\r\nCookie: a=b; c=d\r\n\r\n",
     "HTTP/1.1 200 OK\r\n", "abcdefghij"},
    {"GET /n/s/10000?with=query HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\n",
     "\r\n0\r\n\r\n"},
    {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\n",
     "5\n"},
    {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
     "HTTP/1.1 200 OK\r\n", "5\n"},
    {"GET /nowhere/st/404 HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404 Not Found\r\n", "\n"},
}};

std::shared_ptr<Snapshot> snapshot_for(const demo::Responder& application) {
  auto loaded = config::load_text(
      "[[listen]]\naddress = \"127.0.0.1:8080\"\n[[site]]\n[[site.route]]\npath = \"/\"\n"
      "to = \"fcgi://" +
          application.address() + "/\"\n",
      "test.toml");
  REQUIRE(loaded.config.has_value());
  auto snapshot = Snapshot::make(std::move(*loaded.config), 1);
  REQUIRE(snapshot.ok());
  snapshot.value()->post().set_waker(0, [] {});
  return snapshot.value();
}

// A millisecond for each turn: no timeout of a request is near.
Millis now() {
  static Millis time{0};
  return time += Millis(1);
}

// One worker without its thread, and one client of it.
class Worker final : private Proxy::Listener {
 public:
  Worker(const demo::Responder& application, const io::Features& features)
      : ring_(io::make_uring_ring(features, spare_)),
        loop_(*ring_.value(), now()),
        proxy_(loop_, 0, snapshot_for(application), *this) {
    std::array<int, 2> pair{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0);
    client_.reset(pair[0]);
    proxy_.adopt(pair[1], 0);
  }
  ~Worker() {
    client_.reset(-1);
    proxy_.drain();
    while (!proxy_.over())
      turn();
  }

  // The whole answer, in memory that is there already. It is whole when what it shall end with has
  // come.
  std::string_view answer_to(const Ask& ask) {
    std::size_t size = 0;
    REQUIRE(::send(client_.get(), ask.request.data(), ask.request.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(ask.request.size()));
    for (int turns = 0;; ++turns) {
      REQUIRE(turns < 1'000);
      turn();
      const ssize_t got =
          ::recv(client_.get(), answer_.data() + size, answer_.size() - size, MSG_DONTWAIT);
      if (got > 0) size += static_cast<std::size_t>(got);
      const std::string_view answer(answer_.data(), size);
      const std::size_t head = answer.find("\r\n\r\n");
      if (head != std::string_view::npos && answer.substr(head + 4).ends_with(ask.ends_with)) {
        return answer;
      }
    }
  }

 private:
  void on_client_gone() override {}
  void turn() {
    loop_.turn(Millis(10));
    loop_.timers.advance(now());
  }

  buffer::BlockPool spare_;
  base::Result<std::unique_ptr<io::Ring>> ring_;
  io::Loop loop_;
  Proxy proxy_;
  base::UniqueFd client_;
  std::array<char, 65536> answer_{};
};

void count_with(const io::Features& features) {
  auto application = demo::Responder::listen("127.0.0.1:0", "demo");
  REQUIRE(application.ok());
  application.value()->start();
  Worker worker(*application.value(), features);
  int wrong = 0;
  std::size_t warm = 0;
  for (int i = 0; i < kWarmUp + kCounted; ++i) {
    if (i == kWarmUp) warm = testing::allocations();
    const Ask& ask = kAsks[static_cast<std::size_t>(i) % kAsks.size()];
    if (!worker.answer_to(ask).starts_with(ask.status_line)) ++wrong;
  }
  const std::size_t after = testing::allocations();
  CHECK(wrong == 0);
  CHECK(warm > 0);
  CHECK(after == warm);
  CHECK(application.value()->requests() == kWarmUp + kCounted);
}

TEST_CASE("Proxy: a warm worker allocates nothing for a request, whatever the kernel can do") {
  const auto features = io::probe_features();
  REQUIRE(features.ok());
  count_with(features.value());
  count_with({});
}

}  // namespace
}  // namespace millrace::proxy
