#include "http/request.h"

#include <doctest/doctest.h>

#include <cstddef>

namespace millrace::http {
namespace {

TEST_CASE("Method: every method but Unknown has a text that leads back to it") {
  for (std::size_t i = 0; i < static_cast<std::size_t>(Method::Unknown); ++i) {
    const auto method = static_cast<Method>(i);
    CHECK_FALSE(text_of(method).empty());
    CHECK(method_of(text_of(method)) == method);
  }
  CHECK(text_of(Method::Unknown).empty());
  CHECK(text_of(Method::MkCalendar) == "MKCALENDAR");
  CHECK(text_of(Method::Connect) == "CONNECT");
}

TEST_CASE("Method: case and length matter") {
  CHECK(method_of("get") == Method::Unknown);
  CHECK(method_of("GE") == Method::Unknown);
  CHECK(method_of("GETS") == Method::Unknown);
  CHECK(method_of("") == Method::Unknown);
}

TEST_CASE("RequestHead: a length of zero is no body") {
  RequestHead head;
  CHECK_FALSE(head.has_body());
  head.content_length = 0;
  CHECK_FALSE(head.has_body());
  head.content_length = 1;
  CHECK(head.has_body());
  head = {};
  head.chunked = true;
  CHECK(head.has_body());
}

}  // namespace
}  // namespace millrace::http
