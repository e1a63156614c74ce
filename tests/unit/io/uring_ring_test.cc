// The real ring on a socket pair: the one unit test that needs a kernel with io_uring.
#include "io/uring_ring.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

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
  void on_hangup(bool /*gone*/) override {}

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

// Keeps the result of its last operation.
struct FileUser {
  void on_done(Completion& done) { result = done.result; }
  Op op = Op::to<&FileUser::on_done>(this);
  std::int32_t result = 0;
};

std::int32_t finish(Ring& ring, FileUser& user) {
  for (int turn = 0; user.op.in_flight(); ++turn) {
    REQUIRE(turn < 1'000);
    ring.turn(Millis(10));
  }
  return user.result;
}

TEST_CASE("UringRing: what is written to a temporary file is read back, in pieces of any size") {
  buffer::BlockPool pool;
  auto ring = make_uring_ring({}, pool);
  REQUIRE(ring.ok());
  const Fd file = ring.value()->open_temporary();
  REQUIRE(file >= 0);
  struct stat about {};
  REQUIRE(::fstat(file, &about) == 0);
  CHECK(about.st_nlink == 0);
  CHECK((about.st_mode & 0777) == 0600);

  FileUser user;
  buffer::Chain chain(pool);
  for (const char* text : {"seven, ", "and more, ", "in slices"})
    chain.append(pool.copy(text));
  ring.value()->write(user.op, file, chain, 5);
  CHECK(finish(*ring.value(), user) == 26);
  std::array<char, 4> first{};
  std::array<char, 100> second{};
  const std::array<iovec, 2> into{{{first.data(), first.size()}, {second.data(), second.size()}}};
  ring.value()->read(user.op, file, into, 3);
  CHECK(finish(*ring.value(), user) == 28);
  CHECK(std::string_view(first.data(), 4) == std::string_view("\0\0se", 4));
  CHECK(std::string_view(second.data(), 24) == "ven, and more, in slices");
  ring.value()->read(user.op, file, into, 31);
  CHECK(finish(*ring.value(), user) == 0);
  ring.value()->close(user.op, file);
  CHECK(finish(*ring.value(), user) == 0);
  CHECK(::fstat(file, &about) == -1);
}

}  // namespace
}  // namespace millrace::io
