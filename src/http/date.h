// The text of a Date field (RFC 9110 5.6.7, IMF-fixdate), made once for each second.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace millrace::http {

class DateText {
 public:
  // "Sun, 06 Nov 1994 08:49:37 GMT"; valid until the next call. The time is that of the years 1970
  // to 9999.
  [[nodiscard]] std::string_view at(std::int64_t unix_seconds);

 private:
  std::int64_t second_ = -1;
  std::array<char, 29> text_ = {};
};

}  // namespace millrace::http
