// The spool on a kernel by hand: each write and read completes when the test says so.
#include "io/spool.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/must.h"
#include "support/sim_ring.h"

namespace millrace::io {
namespace {

using Kind = testing::SimRing::Kind;

constexpr std::size_t kMemory = Spool::kMemoryMax;

// Bytes that are not the same anywhere within 16 MiB.
std::string body(std::size_t bytes) {
  std::string text;
  text.reserve(bytes + 8);
  for (unsigned i = 0; text.size() < bytes; ++i) {
    for (int shift = 24; shift >= 0; shift -= 8)
      text += static_cast<char>(i >> shift);
  }
  text.resize(bytes);
  return text;
}

std::string text_of(buffer::Chain& chain) {
  std::string text;
  while (!chain.empty())
    text += chain.pop_front().text();
  return text;
}

struct Fixture : Spool::User {
  virtual ~Fixture() {
    if (spool != nullptr) close();
    while (ring.in_flight() > 0) {
      const Kind kind = ring.pending(Kind::Write)  ? Kind::Write
                        : ring.pending(Kind::Read) ? Kind::Read
                                                   : Kind::Close;
      ring.complete(kind, kind == Kind::Close ? 0 : -ECANCELED);
    }
    MUST(spools.in_use() == 0 && loop.blocks.blocks_in_use() == 0 && ring.files().empty());
  }

  void on_spool_moved() override { ++moved; }
  void on_spool_failed(int error) override {
    MUST(!failure);
    failure = error;
    if (close_when_told) close();
  }
  void close() { std::exchange(spool, nullptr)->close(); }

  std::string take() {
    buffer::Chain out(loop.blocks);
    spool->take(out);
    return text_of(out);
  }
  // All that there is, with reads of at most `most` bytes.
  std::string take_all(std::size_t most = SIZE_MAX) {
    std::string text = take();
    while (!spool->all()) {
      if (ring.pending(Kind::Read)) ring.complete_file(Kind::Read, most);
      text += take();
    }
    return text;
  }
  void write_all() {
    while (ring.pending(Kind::Write))
      ring.complete_file(Kind::Write);
  }

  testing::SimRing ring;
  io::Loop loop{ring, io::Millis(0)};
  Spools spools{loop};
  Spool* spool = &spools.open(*this);
  int moved = 0;
  std::optional<int> failure;
  bool close_when_told = false;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "Spool: what fits into memory makes no file, and is taken at once") {
  const std::string sent = body(kMemory);
  REQUIRE(spool->append(sent));
  CHECK(ring.files().empty());
  CHECK(ring.in_flight() == 0);
  CHECK(take() == sent);
  CHECK(spool->all());
}

TEST_CASE_FIXTURE(Fixture, "Spool: the byte after that begins the file") {
  const std::string sent = body(kMemory + 1);
  REQUIRE(spool->append(sent));
  CHECK(ring.files().size() == 1);
  REQUIRE(ring.pending(Kind::Write));
  ring.complete_file(Kind::Write);
  CHECK(ring.files().begin()->second == sent);
  CHECK(moved == 1);
  CHECK(loop.blocks.blocks_in_use() == 0);
  CHECK(take().empty());
  REQUIRE(ring.pending(Kind::Read));
  CHECK(take_all() == sent);
}

TEST_CASE_FIXTURE(Fixture,
                  "Spool: memory is bounded while the disk is slow, and wanted again after") {
  const std::string piece = body(16 * 1024);
  std::size_t appended = 0;
  while (spool->wants_more()) {
    REQUIRE(spool->append(piece));
    appended += piece.size();
    REQUIRE(appended < 2 * Spool::kMemoryMax + Spool::kUnfiledMax);
  }
  CHECK(appended == Spool::kMemoryMax + Spool::kUnfiledMax);
  CHECK(loop.blocks.blocks_in_use() * buffer::BlockPool::kBlockBytes <=
        Spool::kMemoryMax + Spool::kUnfiledMax + 4096);
  ring.complete_file(Kind::Write);
  CHECK(moved == 1);
  CHECK(spool->wants_more());
  CHECK(ring.pending(Kind::Write));  // What came meanwhile leaves together.
}

TEST_CASE_FIXTURE(Fixture, "Spool: any pieces, short writes and short reads give the same bytes") {
  const std::string sent = body(700'000);
  for (const std::size_t step : {1'000U, 4'097U, 70'000U, 700'000U}) {
    CAPTURE(step);
    for (std::size_t at = 0; at < sent.size(); at += step) {
      REQUIRE(spool->append(std::string_view(sent).substr(at, step)));
      while (!spool->wants_more())
        ring.complete_file(Kind::Write, 50'001);
    }
    spool->end();
    CHECK(spool->size() == sent.size());
    CHECK(take_all(5'003) == sent);
    close();
    while (ring.pending(Kind::Write))
      ring.complete(Kind::Write, -ECANCELED);
    ring.complete(Kind::Close, 0);
    spool = &spools.open(*this);
  }
}

TEST_CASE_FIXTURE(Fixture, "Spool: what is being written is taken from memory, and only once") {
  const std::string sent = body(kMemory + 10'000);
  REQUIRE(spool->append(std::string_view(sent).substr(0, kMemory + 1)));
  REQUIRE(spool->append(std::string_view(sent).substr(kMemory + 1)));
  std::string got = take();
  CHECK(got == sent);
  write_all();
  CHECK(spool->all());
  REQUIRE(spool->append("more"));
  CHECK(take() == "more");
}

TEST_CASE_FIXTURE(Fixture, "Spool: one piece is read ahead, and no more") {
  REQUIRE(spool->append(body(4 * Spool::kPieceBytes)));
  spool->end();
  write_all();
  CHECK(take().empty());
  ring.complete_file(Kind::Read);
  CHECK(ring.in_flight() == 0);
  CHECK(take().size() == Spool::kPieceBytes);
  REQUIRE(ring.pending(Kind::Read));
  CHECK(take().empty());
  CHECK(ring.in_flight() == 1);
}

TEST_CASE_FIXTURE(Fixture, "Spool: it is taken again from the beginning, from file and memory") {
  const std::string sent = body(300'000);
  REQUIRE(spool->append(std::string_view(sent).substr(0, 250'000)));
  ring.complete_file(Kind::Write, 200'000);
  REQUIRE(spool->append(std::string_view(sent).substr(250'000)));
  spool->end();
  CHECK(take_all() == sent);
  for (const int pieces : {0, 1, 2, 3, 4, 5}) {
    CAPTURE(pieces);
    spool->rewind();
    CHECK_FALSE(spool->all());
    for (int i = 0; i < pieces / 2; ++i) {
      take();
      ring.complete_file(Kind::Read);
    }
    take();
    REQUIRE(ring.pending(Kind::Read));
    // A read of another place is in flight, or has been done.
    if (pieces % 2 == 1) ring.complete_file(Kind::Read);
    spool->rewind();
    CHECK(take_all() == sent);
  }
}

TEST_CASE_FIXTURE(Fixture, "Spool: no file is a failure that append tells") {
  ring.refuse_files(EACCES);
  REQUIRE(spool->append(body(kMemory)));
  CHECK_FALSE(spool->append("x"));
  CHECK(spool->error() == EACCES);
  CHECK_FALSE(spool->wants_more());
  CHECK_FALSE(failure);  // Not told twice.
}

TEST_CASE_FIXTURE(Fixture, "Spool: a full disk is told once, and nothing more is taken") {
  REQUIRE(spool->append(body(3 * kMemory)));
  ring.complete_file(Kind::Write, kMemory);
  CHECK(take().empty());
  ring.complete(Kind::Write, -ENOSPC);
  CHECK(failure == ENOSPC);
  CHECK_FALSE(spool->wants_more());
  ring.complete_file(Kind::Read);
  CHECK(take().empty());
  CHECK(ring.in_flight() == 0);
  CHECK_FALSE(spool->all());
}

TEST_CASE_FIXTURE(Fixture, "Spool: when both the write and the read fail, the first is told") {
  REQUIRE(spool->append(body(3 * kMemory)));
  ring.complete_file(Kind::Write, kMemory);
  take();
  SUBCASE("the write first") {
    ring.complete(Kind::Write, -ENOSPC);
    ring.complete(Kind::Read, -EIO);
    CHECK(failure == ENOSPC);
  }
  SUBCASE("the read first") {
    ring.complete(Kind::Read, -EIO);
    ring.complete(Kind::Write, -ENOSPC);
    CHECK(failure == EIO);
  }
}

TEST_CASE_FIXTURE(Fixture, "Spool: a write that moves nothing is a full disk") {
  REQUIRE(spool->append(body(2 * kMemory)));
  ring.complete_file(Kind::Write, 0);
  CHECK(failure == ENOSPC);
}

TEST_CASE_FIXTURE(Fixture, "Spool: a write that fails when the body is whole loses nothing") {
  const std::string sent = body(4 * kMemory);
  REQUIRE(spool->append(sent));
  ring.complete_file(Kind::Write, kMemory);
  spool->end();
  ring.complete(Kind::Write, -ENOSPC);
  CHECK_FALSE(failure);
  CHECK(take_all() == sent);
  spool->rewind();
  CHECK(take_all() == sent);
  CHECK_FALSE(ring.pending(Kind::Write));
}

TEST_CASE_FIXTURE(Fixture, "Spool: a read that fails, and a file that is too short, are told") {
  REQUIRE(spool->append(body(2 * kMemory)));
  write_all();
  take();
  SUBCASE("fails") {
    ring.complete(Kind::Read, -EIO);
    CHECK(failure == EIO);
  }
  SUBCASE("is too short") {
    ring.complete_file(Kind::Read, 0);
    CHECK(failure == EIO);
  }
  CHECK(take().empty());
}

TEST_CASE_FIXTURE(Fixture, "Spool: its user may go while it is told of the failure") {
  close_when_told = true;
  REQUIRE(spool->append(body(2 * kMemory)));
  ring.complete(Kind::Write, -EIO);
  CHECK(failure == EIO);
  CHECK(spool == nullptr);
  CHECK(ring.pending(Kind::Close));
  CHECK(spools.in_use() == 1);
  ring.complete(Kind::Close, 0);
  CHECK(spools.in_use() == 0);
}

TEST_CASE_FIXTURE(Fixture, "Spool: without a file it is gone as soon as it is closed") {
  REQUIRE(spool->append("abc"));
  close();
  CHECK(spools.in_use() == 0);
  CHECK(loop.blocks.blocks_in_use() == 0);
}

TEST_CASE_FIXTURE(Fixture, "Spool: after close it stays until the kernel has returned everything") {
  REQUIRE(spool->append(body(2 * kMemory)));
  ring.complete_file(Kind::Write, kMemory);
  REQUIRE(spool->append(body(kMemory)));
  take();
  REQUIRE(ring.pending(Kind::Write));
  REQUIRE(ring.pending(Kind::Read));
  const int told = moved;
  close();
  CHECK(ring.cancelled(Kind::Write));
  CHECK(ring.cancelled(Kind::Read));
  CHECK_FALSE(ring.pending(Kind::Close));
  SUBCASE("the write comes back first, though it was done") {
    ring.complete_file(Kind::Write);
    CHECK_FALSE(ring.pending(Kind::Close));
    ring.complete(Kind::Read, -ECANCELED);
  }
  SUBCASE("the read comes back first, though it was done") {
    ring.complete_file(Kind::Read);
    CHECK_FALSE(ring.pending(Kind::Close));
    ring.complete(Kind::Write, -ECANCELED);
  }
  REQUIRE(ring.pending(Kind::Close));
  CHECK(spools.in_use() == 1);
  ring.complete(Kind::Close, 0);
  CHECK(spools.in_use() == 0);
  CHECK(moved == told);
  CHECK_FALSE(failure);
}

}  // namespace millrace::io
