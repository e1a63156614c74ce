// The real ring on a socket pair: the one unit test that needs a kernel with io_uring.
#include "io/uring_ring.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

#include "base/fd.h"
#include "io/stream.h"

namespace millrace::io {
namespace {

// Sends everything back, each piece in brackets.
struct Echo final : Stream::Listener {
  explicit Echo(Loop& loop) : stream(loop, *this) {}
  void on_open() override {}
  void on_bytes(buffer::Slice bytes) override {
    stream.out().append_copy("<");
    stream.out().append(std::move(bytes));
    stream.out().append_copy(">");
    stream.flush();
  }
  void on_end() override { stream.close(Stream::Reason::Asked); }
  void on_sent(std::size_t /*bytes*/) override {}
  void on_closed() override { closed = true; }

  Stream stream;
  bool closed = false;
};

void echo_with(const Features& features) {
  buffer::BlockPool spare;
  auto ring = make_uring_ring(features, spare);
  REQUIRE(ring.ok());
  Loop loop(*ring.value(), Millis(0));
  Echo echo(loop);
  std::array<int, 2> pair{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0);
  const base::UniqueFd ours(pair[0]);
  echo.stream.adopt(pair[1]);
  std::string answer;
  const std::string text(40'000, 'x');  // more than a block, so that large ones are used too
  for (int round = 0; round < 3; ++round) {
    REQUIRE(::send(ours.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(text.size()));
    std::size_t letters = 0;
    for (int turn = 0; letters < text.size(); ++turn) {
      REQUIRE(turn < 1'000);
      loop.turn(Millis(10));
      std::array<char, 65536> piece{};
      const ssize_t got = ::recv(ours.get(), piece.data(), piece.size(), MSG_DONTWAIT);
      for (ssize_t i = 0; i < got; ++i) {
        letters += piece[static_cast<std::size_t>(i)] == 'x' ? 1 : 0;
      }
    }
    CHECK(letters == text.size());
  }
  ::shutdown(ours.get(), SHUT_WR);
  for (int turn = 0; !echo.closed; ++turn) {
    REQUIRE(turn < 1'000);
    loop.turn(Millis(10));
  }
  CHECK(loop.blocks.blocks_in_use() == 0);
}

TEST_CASE("UringRing: bytes come back through it, with this kernel's features and without any") {
  const auto features = probe_features();
  REQUIRE(features.ok());
  echo_with(features.value());
  echo_with({});
}

}  // namespace
}  // namespace millrace::io
