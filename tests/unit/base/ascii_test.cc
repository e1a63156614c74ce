#include "base/ascii.h"

#include <doctest/doctest.h>

#include <cctype>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::base {
namespace {

TEST_CASE("ascii: classes and cases agree with the C locale, for every byte") {
  for (int byte = 0; byte < 256; ++byte) {
    CAPTURE(byte);
    const char c = static_cast<char>(byte);
    CHECK(is_digit(c) == (std::isdigit(byte) != 0));
    CHECK(is_alpha(c) == (std::isalpha(byte) != 0));
    CHECK(is_alnum(c) == (std::isalnum(byte) != 0));
    CHECK(to_lower(c) == static_cast<char>(std::tolower(byte)));
    CHECK(to_upper(c) == static_cast<char>(std::toupper(byte)));
    CHECK((hex_value(c) >= 0) == (std::isxdigit(byte) != 0));
  }
}

TEST_CASE("ascii: hexadecimal digits have their value in either case") {
  for (int value = 0; value < 16; ++value) {
    const auto at = static_cast<std::size_t>(value);
    CHECK(hex_value("0123456789abcdef"[at]) == value);
    CHECK(hex_value("0123456789ABCDEF"[at]) == value);
  }
}

TEST_CASE("ascii: equality ignores the case of letters, and nothing else") {
  CHECK(equal_ignoring_case("Keep-Alive", "kEEP-aLIVE"));
  CHECK(equal_ignoring_case("", ""));
  CHECK_FALSE(equal_ignoring_case("close", "closed"));
  CHECK_FALSE(equal_ignoring_case("closed", "close"));
  CHECK_FALSE(equal_ignoring_case("@", "`"));  // They differ in the bit that makes a case.
  CHECK_FALSE(equal_ignoring_case("\xc4", "\xe4"));
}

TEST_CASE("ascii: trim cuts spaces and tabs from both ends only") {
  CHECK(trim(" \t a b\t ") == "a b");
  CHECK(trim("\r\na\n") == "\r\na\n");
  CHECK(trim(" \t ").empty());
  CHECK(trim("").empty());
}

// RFC 9110 5.6.2, and its complement RFC 9110 5.6.2 "delimiters".
TEST_CASE("ascii: a token has neither delimiters nor controls nor blanks, and is not empty") {
  CHECK(is_token("!#$%&'*+-.^_`|~09azAZ"));
  CHECK_FALSE(is_token(""));
  for (int byte = 0; byte < 256; ++byte) {
    CAPTURE(byte);
    const char c = static_cast<char>(byte);
    const bool delimiter = std::string_view("\"(),/:;<=>?@[\\]{}").find(c) != std::string::npos;
    const bool token = byte > 0x20 && byte < 0x7f && !delimiter;
    CHECK(is_token_char(c) == token);
    CHECK(is_token(std::string("a") + c) == token);
  }
}

TEST_CASE("ascii: a decimal is digits alone, up to the largest number") {
  CHECK(parse_decimal("0") == 0U);
  CHECK(parse_decimal("0042") == 42U);
  CHECK(parse_decimal("18446744073709551615") == UINT64_MAX);
  for (const std::string_view wrong :
       {"", "-1", "+1", " 1", "1 ", "1a", "0x1", "1.0", "18446744073709551616",
        "18446744073709551620", "99999999999999999999", "184467440737095516150"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_decimal(wrong).has_value());
  }
}

TEST_CASE("ascii: a list's elements come trimmed and in order, without the empty ones") {
  const auto elements_of = [](std::string_view list) {
    std::vector<std::string> elements;
    for_each_element(list, [&](std::string_view element) { elements.emplace_back(element); });
    return elements;
  };
  CHECK(elements_of("close, \tTE ,,x y,") == std::vector<std::string>{"close", "TE", "x y"});
  CHECK(elements_of("one") == std::vector<std::string>{"one"});
  CHECK(elements_of("").empty());
  CHECK(elements_of(" , ,\t").empty());
}

}  // namespace
}  // namespace millrace::base
