// Every transcript under tests/transcripts/http, cut in all ways.
#include "unit/http/transcript.h"

#include <doctest/doctest.h>

#include <string_view>

namespace millrace::http {
namespace {

void check_file(std::string_view file) {
  for (const test::Transcript& transcript : test::load_transcripts(file)) {
    CAPTURE(transcript.title);
    CHECK(test::events_of(transcript.input, transcript.limits) == transcript.expected);
  }
}

TEST_CASE("RequestParser: good requests give their transcript however they are cut") {
  check_file("requests.txt");
}

TEST_CASE("RequestParser: chunked bodies give their transcript however they are cut") {
  check_file("chunked.txt");
}

TEST_CASE("RequestParser: what is refused gives its reason however it is cut") {
  check_file("refused.txt");
}

TEST_CASE("RequestParser: limits count bytes, however they are cut") {
  check_file("limits.txt");
}

}  // namespace
}  // namespace millrace::http
