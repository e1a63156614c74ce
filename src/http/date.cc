#include "http/date.h"

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace millrace::http {
namespace {

constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Writes `value` with leading zeros, `digits` wide.
void put_number(char* at, unsigned value, unsigned digits) {
  for (unsigned i = digits; i-- > 0; value /= 10) {
    at[i] = static_cast<char>('0' + value % 10);
  }
}

}  // namespace

std::string_view DateText::at(std::int64_t unix_seconds) {
  if (unix_seconds != second_) {
    second_ = unix_seconds;
    const std::chrono::sys_seconds time{std::chrono::seconds(unix_seconds)};
    const auto midnight = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(midnight);
    const std::chrono::hh_mm_ss clock(time - midnight);
    constexpr std::string_view kForm = "ddd, 00 mmm 0000 00:00:00 GMT";
    char* text = text_.data();
    std::copy(kForm.begin(), kForm.end(), text);
    const auto day = kDays[std::chrono::weekday(midnight).c_encoding()];
    const auto month = kMonths[static_cast<unsigned>(date.month()) - 1];
    std::copy(day.begin(), day.end(), text);
    put_number(text + 5, static_cast<unsigned>(date.day()), 2);
    std::copy(month.begin(), month.end(), text + 8);
    put_number(text + 12, static_cast<unsigned>(static_cast<int>(date.year())), 4);
    put_number(text + 17, static_cast<unsigned>(clock.hours().count()), 2);
    put_number(text + 20, static_cast<unsigned>(clock.minutes().count()), 2);
    put_number(text + 23, static_cast<unsigned>(clock.seconds().count()), 2);
  }
  return {text_.data(), text_.size()};
}

}  // namespace millrace::http
