// A worker's proxy between a test's clients and a scripted application, on a calm simulated
// network: everything happens in the order in which the test asks for it, and time passes only when
// it says so.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "config/load.h"
#include "proxy/proxy.h"
#include "support/choices.h"
#include "support/fake_backend.h"
#include "support/http_reply.h"
#include "support/sim_net.h"

namespace millrace::proxy {

using io::Millis;
using testing::Answer;
using testing::AppRequest;
using testing::Link;
using testing::Reply;

inline constexpr std::uint16_t kPort = 4000;
// The answer of an application that says one word.
inline constexpr std::string_view kHello = "Content-Type: text/plain\r\n\r\nhello";

class ProxyWorld final : private Proxy::Listener {
 public:
  // `target` as behind `to =`; `top` is more of the file's top level.
  explicit ProxyWorld(std::string_view target = "\"fcgi://127.0.0.1:4000/\"",
                      std::string_view top = {})
      : snapshot_(make_snapshot(target, top)),
        proxy_(new Proxy(loop_, 0, snapshot_, *this)),
        app_([this](const AppRequest& request) { return script(request); }) {
    net_.serve(kPort, &app_);
  }
  // Nothing may be left, whatever the test has done.
  ~ProxyWorld() {
    proxy_->stop();
    app_.close_all();
    pass(Millis(100));
    CHECK(proxy_->over());
    CHECK(net_.in_flight() == 0);
    CHECK(net_.open_descriptors() == 0);
    CHECK(loop_.blocks.blocks_in_use() == 0);
    CHECK(net_.blocks_out() == 0);
    CHECK(snapshot_->backends().open(0) == 0);
    CHECK(snapshot_->backends().idle(0) == 0);
    CHECK(app_.violations().empty());
  }

  // What the application answers next; kHello unless a test says otherwise.
  std::function<Answer(const AppRequest&)> script = [](const AppRequest& request) {
    return Answer{.bytes = testing::whole_answer(request.id, kHello)};
  };
  void answer(Answer next) {
    script = [next](const AppRequest& /*request*/) { return next; };
  }

  std::shared_ptr<Link> connect() {
    auto made = net_.accepted();
    proxy_->adopt(made.fd, 0);
    return made.link;
  }
  std::shared_ptr<Link> connect(std::string_view request) {
    auto link = connect();
    REQUIRE(link->write(request) == request.size());
    run();
    return link;
  }

  // Until nothing more happens by itself.
  void run() {
    for (int turns = 0; turns < 10'000; ++turns) {
      const bool moved = app_.step(net_.now());
      loop_.turn(Millis(0));
      loop_.timers.advance(net_.now());
      if (!moved && net_.quiet() && loop_.unsent.empty()) return;
    }
    FAIL("it never comes to rest");
  }
  void pass(Millis time) {
    const Millis until = net_.now() + time;
    run();
    while (net_.now() < until) {
      net_.wake_at(app_.next());
      loop_.turn(std::min(until - net_.now(), Millis(1'000)));
      loop_.timers.advance(net_.now());
      run();
    }
  }

  Proxy& proxy() { return *proxy_; }
  testing::FakeBackend& app() { return app_; }
  testing::SimNet& net() { return net_; }
  balance::BackendTable& table() { return snapshot_->backends(); }
  [[nodiscard]] std::size_t bytes_held() const {
    return loop_.blocks.blocks_in_use() * buffer::BlockPool::kBlockBytes +
           net_.blocks_out() * net_.block_bytes() +
           net_.spare_blocks() * buffer::BlockPool::kBlockBytes;
  }
  [[nodiscard]] int clients_gone() const { return clients_gone_; }

 private:
  static std::shared_ptr<Snapshot> make_snapshot(std::string_view target, std::string_view top) {
    std::string text(top);
    text += "\n[[listen]]\naddress = \"127.0.0.1:8080\"\n[[site]]\n[[site.route]]\npath = \"/\"\n";
    text += "to = " + std::string(target) + "\n";
    auto loaded = config::load_text(text, "test.toml");
    for (const config::Fault& fault : loaded.faults) {
      MESSAGE(config::render(fault, "test.toml", text));
    }
    REQUIRE(loaded.config.has_value());
    auto snapshot = Snapshot::make(std::move(*loaded.config), 1);
    REQUIRE(snapshot.ok());
    snapshot.value()->post().set_waker(0, [] {});
    return snapshot.value();
  }
  void on_client_gone() override { ++clients_gone_; }

  testing::Choices calm_{std::span<const std::uint8_t>()};
  testing::SimNet net_{calm_};
  io::Loop loop_{net_, net_.now()};
  std::shared_ptr<Snapshot> snapshot_;
  std::unique_ptr<Proxy> proxy_;
  testing::FakeBackend app_;
  int clients_gone_ = 0;
};

inline std::string get(std::string_view path, std::string_view fields = {}) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n" + std::string(fields) + "\r\n";
}

inline std::string post(std::string_view body, std::string_view fields = {}) {
  return "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(fields) + "\r\n" + std::string(body);
}

// The one reply that has come; a failed test where it is not whole, or not the only one.
inline Reply reply_of(Link& link, bool head = false) {
  const std::string bytes = link.read();
  testing::ReplyReader reader;
  reader.expect_head_request(head);
  const std::size_t used = reader.feed(bytes);
  if (link.ended()) reader.end_of_connection();
  CAPTURE(bytes);
  CHECK(reader.whole());
  CHECK(used == bytes.size());
  return reader.take();
}

inline std::string stdout_of(int id, std::string_view output) {
  return testing::stream_records(testing::kStdout, id, output);
}

}  // namespace millrace::proxy
