// Transcripts of requests: the bytes on the wire, then the events that they give. Cases are text
// files under tests/transcripts/http:
//
//     ## Title
//     limits uri=20 header_bytes=80 headers=2              optional
//     GET / HTTP/1.1\r\n                                   bytes; \r \n \t \0 \xNN \{ and {9*ab},
//     \r\n                                                 which is "ab" nine times
//     =>
//     one line per event
//
// A line of input has no end but the one that is written. Lines that begin with a single # and
// empty lines are comments.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/parser.h"

namespace millrace::test {

struct Transcript {
  std::string title;
  http::ParserLimits limits;
  std::string input;
  std::string expected;
};

// The cases of tests/transcripts/http/NAME. Fails the test if it cannot be read.
std::vector<Transcript> load_transcripts(std::string_view name);

// The events of `input`, which may hold several requests. It is fed whole, byte by byte, and cut in
// two at each position; the check fails unless all give the same. Pieces of a body are joined.
std::string events_of(std::string_view input, const http::ParserLimits& limits = {});

// The status with which the first request of `input` is refused, 0 if it is not. Cut as above.
int refusal_of(std::string_view input, const http::ParserLimits& limits = {});

}  // namespace millrace::test
