#include "upstream/post.h"

#include <doctest/doctest.h>

#include <array>
#include <thread>
#include <vector>

namespace millrace::upstream {
namespace {

TEST_CASE("Post: a letter is in its worker's box alone, once, and the worker is woken") {
  Post post(3);
  std::array<int, 3> woken{};
  for (std::size_t i = 0; i < woken.size(); ++i)
    post.set_waker(i, [&woken, i] { ++woken[i]; });
  CHECK(post.grant(1, {.backend = 4, .ticket = 7}));
  CHECK(post.grant(1, {.backend = 5, .ticket = 8}));
  CHECK(woken == std::array{0, 2, 0});
  CHECK(post.collect(0).empty());
  const auto letters = post.collect(1);
  REQUIRE(letters.size() == 2);
  CHECK(letters[0].backend == 4);
  CHECK(letters[0].ticket == 7);
  CHECK(letters[1].ticket == 8);
  CHECK(post.collect(1).empty());
}

TEST_CASE("Post: the others are woken, and nobody who has no waker yet") {
  Post post(3);
  std::array<int, 3> woken{};
  for (const std::size_t i : {0U, 1U})
    post.set_waker(i, [&woken, i] { ++woken[i]; });
  post.wake_others(1);
  CHECK(woken == std::array{1, 0, 0});
}

TEST_CASE("Post: a box that is closed gives what lies in it, and takes nothing more") {
  Post post(2);
  std::array<int, 2> woken{};
  for (std::size_t i = 0; i < woken.size(); ++i)
    post.set_waker(i, [&woken, i] { ++woken[i]; });
  REQUIRE(post.grant(0, {.backend = 4, .ticket = 7}));
  const auto letters = post.close(0);
  REQUIRE(letters.size() == 1);
  CHECK(letters[0].ticket == 7);
  CHECK_FALSE(post.grant(0, {.backend = 4, .ticket = 8}));
  CHECK(woken == std::array{1, 0});
  CHECK(post.collect(0).empty());
  CHECK(post.grant(1, {.backend = 4, .ticket = 9}));
}

TEST_CASE("Post: a letter is taken while the box is open or refused, whoever is faster") {
  constexpr std::uint64_t kLetters = 1'000;
  Post post(1);
  post.set_waker(0, [] {});
  std::array<std::uint64_t, 2> taken{};
  std::vector<std::thread> senders;
  for (std::uint64_t& count : taken) {
    senders.emplace_back([&post, &count] {
      for (std::uint64_t i = 0; i < kLetters; ++i)
        count += post.grant(0, {.backend = 0, .ticket = i}) ? 1 : 0;
    });
  }
  std::size_t read = 0;
  for (int turn = 0; turn < 20; ++turn)
    read += post.collect(0).size();
  read += post.close(0).size();
  for (std::thread& sender : senders)
    sender.join();
  CHECK(read == taken[0] + taken[1]);
}

TEST_CASE("Post: no letter is lost between threads") {
  constexpr std::uint64_t kLetters = 2'000;
  Post post(1);
  post.set_waker(0, [] {});
  std::vector<std::thread> senders;
  for (std::size_t sender = 0; sender < 3; ++sender) {
    senders.emplace_back([&post, sender] {
      for (std::uint64_t i = 0; i < kLetters; ++i)
        static_cast<void>(post.grant(0, {.backend = sender, .ticket = i}));
    });
  }
  std::array<std::uint64_t, 3> next{};
  bool in_order = true;
  while (next != std::array{kLetters, kLetters, kLetters}) {
    for (const Post::Grant& grant : post.collect(0))
      in_order = in_order && grant.ticket == next[grant.backend]++;
  }
  for (std::thread& sender : senders)
    sender.join();
  CHECK(in_order);
}

}  // namespace
}  // namespace millrace::upstream
