#include "buffer/chain.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <string_view>

namespace millrace::buffer {
namespace {

// A chain of a copied text, a slice of its own, and a copied text again.
struct Mixed {
  Mixed() {
    chain.append_copy("head:");
    chain.append(pool.copy("slice"));
    chain.append_copy(":tail");
  }
  static constexpr std::string_view kText = "head:slice:tail";

  BlockPool pool;
  Chain chain{pool};
};

std::string text_of(const Chain& chain) {
  std::array<iovec, 64> vectors{};
  const auto gathered = chain.gather(vectors);
  std::string text;
  for (std::size_t i = 0; i < gathered.count; ++i) {
    text.append(static_cast<const char*>(vectors[i].iov_base), vectors[i].iov_len);
  }
  CHECK(text.size() == gathered.bytes);
  return text;
}

TEST_CASE("Chain: consuming any number of bytes leaves the rest, in order") {
  for (std::size_t first = 0; first <= Mixed::kText.size(); ++first) {
    for (std::size_t second = 0; first + second <= Mixed::kText.size(); ++second) {
      Mixed mixed;
      mixed.chain.consume(first);
      mixed.chain.consume(second);
      CHECK(text_of(mixed.chain) == Mixed::kText.substr(first + second));
      CHECK(mixed.chain.size() == Mixed::kText.size() - first - second);
    }
  }
}

TEST_CASE("Chain: what is copied is joined to what was copied before") {
  BlockPool pool;
  Chain chain(pool);
  for (int i = 0; i < 10; ++i) {
    chain.append_copy("0123456789");
  }
  std::array<iovec, 4> vectors{};
  CHECK(chain.gather(vectors).count == 1);
  CHECK(pool.blocks_in_use() == 1);
}

TEST_CASE("Chain: growing at the end never moves what a send is reading") {
  BlockPool pool;
  Chain chain(pool);
  chain.append_copy("in flight");
  std::array<iovec, 4> vectors{};
  const auto sent = chain.gather(vectors);
  const void* at = vectors[0].iov_base;
  for (int i = 0; i < 2'000; ++i) {
    chain.append_copy("more and more");
  }
  CHECK(chain.gather(vectors).count == 4);
  CHECK(vectors[0].iov_base == at);
  chain.consume(sent.bytes);
  CHECK(text_of(chain).starts_with("more and more"));
}

TEST_CASE("Chain: a slice that is shared outlives the chain it came from") {
  BlockPool pool;
  Chain kept(pool);
  {
    Mixed mixed;
    Chain other(mixed.pool);
    mixed.chain.share_with(other);
    mixed.chain.clear();
    CHECK(text_of(other) == Mixed::kText);
    CHECK(mixed.pool.blocks_in_use() == 3);
    other.clear();
    CHECK(mixed.pool.blocks_in_use() == 0);
  }
  CHECK(kept.empty());
}

TEST_CASE("Chain: append_all takes everything over and leaves nothing") {
  Mixed mixed;
  Chain other(mixed.pool);
  other.append_copy("before|");
  other.append_all(mixed.chain);
  CHECK(mixed.chain.empty());
  CHECK(text_of(other) == "before|" + std::string(Mixed::kText));
  other.append_all(mixed.chain);
  CHECK(other.size() == 7 + Mixed::kText.size());
}

TEST_CASE("Chain: a reservation counts only for what is committed of it") {
  BlockPool pool;
  Chain chain(pool);
  std::string_view("abcdef").copy(chain.reserve(100), 6);
  chain.commit(3);
  chain.append_copy("xyz");
  CHECK(text_of(chain) == "abcxyz");
}

TEST_CASE("Chain: pop_front gives the slices one by one") {
  Mixed mixed;
  CHECK(mixed.chain.pop_front().text() == "head:");
  CHECK(mixed.chain.front().text() == "slice");
  CHECK(mixed.chain.pop_front().text() == "slice");
  CHECK(mixed.chain.pop_front().text() == ":tail");
  CHECK(mixed.chain.empty());
}

TEST_CASE("BlockPool: a text of any size fits, and all blocks come back") {
  BlockPool pool;
  for (const std::size_t size :
       {1UL, BlockPool::kBlockBytes, BlockPool::kBlockBytes + 1, 100'000UL}) {
    const std::string text(size, 'x');
    Slice slice = pool.copy(text);
    const Slice second = slice;
    slice = Slice();
    CHECK(second.text() == text);
    CHECK(pool.blocks_in_use() == 1);
  }
  CHECK(pool.blocks_in_use() == 0);
}

TEST_CASE("Chain: append_all copies what is little and fits, and gives its block back") {
  BlockPool pool;
  Chain chain(pool);
  chain.append_copy("head");
  for (int i = 0; i < 100; ++i) {
    Chain piece(pool);
    piece.append(pool.copy("x"));
    chain.append_all(piece);
    CHECK(piece.empty());
  }
  CHECK(chain.size() == 104);
  CHECK(pool.blocks_in_use() == 1);
  Chain large(pool);
  large.append(pool.copy(std::string(Chain::kSmallBytes, 'l')));
  chain.append_all(large);
  CHECK(pool.blocks_in_use() == 2);
  CHECK(pool.segments().in_use() == 2);
}

TEST_CASE("Chain: append_to_keep copies small slices, so that they hold no block") {
  BlockPool pool;
  Chain chain(pool);
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    chain.append_to_keep(pool.copy("abc"));
    expected += "abc";
  }
  CHECK(pool.blocks_in_use() == 1);
  CHECK(text_of(chain) == expected);
}

}  // namespace
}  // namespace millrace::buffer
