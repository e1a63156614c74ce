#include "base/slab.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace millrace::base {
namespace {

struct alignas(64) Counted {
  explicit Counted(int& the_alive, std::string the_text = {})
      : alive(the_alive), text(std::move(the_text)) {
    ++alive;
  }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --alive; }

  int& alive;
  std::string text;
};

TEST_CASE(
    "Slab: each object is made once, keeps its place, and is destroyed when it is given back") {
  int alive = 0;
  Slab<Counted> slab(4);
  std::vector<Counted*> out;
  for (int i = 0; i < 11; ++i)
    out.push_back(slab.make(alive, std::to_string(i)));
  CHECK(alive == 11);
  CHECK(slab.in_use() == 11);
  CHECK(std::set<Counted*>(out.begin(), out.end()).size() == 11);
  for (int i = 0; i < 11; ++i) {
    CHECK(out[static_cast<std::size_t>(i)]->text == std::to_string(i));
    CHECK(reinterpret_cast<std::uintptr_t>(out[static_cast<std::size_t>(i)]) % 64 == 0);
  }
  for (Counted* object : out)
    slab.destroy(object);
  CHECK(alive == 0);
  CHECK(slab.in_use() == 0);
}

TEST_CASE("Slab: at its peak or below it uses the memory that it has, the last given back first") {
  int alive = 0;
  Slab<Counted> slab(2);
  std::vector<Counted*> out;
  for (int i = 0; i < 6; ++i)
    out.push_back(slab.make(alive));
  const std::set<Counted*> peak(out.begin(), out.end());
  slab.destroy(out[3]);
  CHECK(slab.make(alive) == out[3]);
  for (int round = 0; round < 3; ++round) {
    for (Counted* object : out)
      slab.destroy(object);
    for (Counted*& object : out)
      object = slab.make(alive);
    CHECK(std::set<Counted*>(out.begin(), out.end()) == peak);
  }
  for (Counted* object : out)
    slab.destroy(object);
}

}  // namespace
}  // namespace millrace::base
