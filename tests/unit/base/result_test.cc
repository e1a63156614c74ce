#include "base/result.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

namespace millrace::base {
namespace {

Result<std::unique_ptr<int>> half_of(int number) {
  if (number % 2 != 0) return Error{std::to_string(number) + " is odd"};
  return std::make_unique<int>(number / 2);
}

TEST_CASE("Result: is a value that can be moved out, or an error with its message") {
  auto half = half_of(42);
  REQUIRE(half.ok());
  const std::unique_ptr<int> value = std::move(half.value());
  CHECK(*value == 21);
  const auto odd = half_of(7);
  REQUIRE_FALSE(odd.ok());
  CHECK(odd.error() == "7 is odd");
}

TEST_CASE("Result: a text as value is not taken for an error") {
  const Result<std::string> text = std::string("words");
  CHECK(text.ok());
  CHECK(text.value() == "words");
}

}  // namespace
}  // namespace millrace::base
