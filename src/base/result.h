// Result<T>: a value, or an Error with a message for people. For start-up code, where a failure
// ends in one printed line; the data path has enums instead.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "base/must.h"

namespace millrace::base {

struct Error {
  std::string message;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : value_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return std::holds_alternative<T>(value_); }
  [[nodiscard]] T& value() {
    MUST(ok());
    return std::get<T>(value_);
  }
  [[nodiscard]] const T& value() const {
    MUST(ok());
    return std::get<T>(value_);
  }
  [[nodiscard]] const std::string& error() const {
    MUST(!ok());
    return std::get<Error>(value_).message;
  }

 private:
  std::variant<T, Error> value_;
};

}  // namespace millrace::base
