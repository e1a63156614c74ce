// proxy::ScratchText: views stay good, memory is kept.
#include "proxy/scratch_text.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace millrace::proxy {
namespace {

TEST_CASE("ScratchText: views stay good while more is put together, however large") {
  ScratchText text;
  std::vector<std::string> expected;
  std::vector<std::string_view> views;
  for (std::size_t i = 0; i < 200; ++i) {
    const std::size_t size = i % 50 == 49 ? 40'000 : i * 7 % 900;
    expected.emplace_back(size, static_cast<char>('a' + i % 26));
    views.push_back(text.copy(expected.back()));
  }
  for (std::size_t i = 0; i < views.size(); ++i)
    CHECK(views[i] == expected[i]);
}

TEST_CASE("ScratchText: what was asked for may be taken in part") {
  ScratchText text;
  char* const first = text.room(100);
  first[0] = 'x';
  CHECK(text.take(1) == "x");
  CHECK(text.room(1) == first + 1);
}

TEST_CASE("ScratchText: after clear() the same blocks serve again") {
  ScratchText text;
  const auto fill = [&text] {
    std::vector<const char*> places;
    for (const std::size_t size : {10'000, 10'000, 50'000, 10'000}) {
      places.push_back(text.room(size));
      (void)text.take(size);
    }
    return places;
  };
  const std::vector<const char*> first = fill();
  text.clear();
  CHECK(fill() == first);
}

}  // namespace
}  // namespace millrace::proxy
