#include "http/date.h"

#include <doctest/doctest.h>

#include <string>

namespace millrace::http {
namespace {

TEST_CASE("DateText: seconds are written as IMF-fixdate") {
  DateText date;
  CHECK(date.at(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");  // The example of RFC 9110 5.6.7.
  CHECK(date.at(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(date.at(951782400) == "Tue, 29 Feb 2000 00:00:00 GMT");
  CHECK(date.at(4107542399) == "Sun, 28 Feb 2100 23:59:59 GMT");
  CHECK(date.at(253402300799) == "Fri, 31 Dec 9999 23:59:59 GMT");
}

TEST_CASE("DateText: the same second gives the same text, the next one another") {
  DateText date;
  const std::string first(date.at(1700000000));
  CHECK(date.at(1700000000) == first);
  CHECK(date.at(1700000001) == "Tue, 14 Nov 2023 22:13:21 GMT");
  CHECK(date.at(1700000000) == first);
}

}  // namespace
}  // namespace millrace::http
