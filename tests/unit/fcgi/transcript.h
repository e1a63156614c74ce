// Transcripts: bytes on the left, the events that they must give on the right, as text files under
// tests/transcripts. A file is a list of cases:
//
//     ## Title
//     record STDOUT 1 "text\r\n" padding=2 version=1      a FastCGI record; `"x"*70` repeats
//     text "Status: 200 OK\n"                              bytes as text, with \r \n \t \0 \xNN
//     bytes 01 06 00 01                                    bytes in hexadecimal
//     =>
//     one line per event
//
// Lines that begin with a single # are comments; empty lines are ignored.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::test {

struct Transcript {
  std::string title;
  std::string input;
  std::string expected;
};

// The cases of tests/transcripts/fcgi/NAME. Fails the test if it cannot be read.
std::vector<Transcript> load_transcripts(std::string_view name);

// Calls `feed` with `input` whole, byte by byte, and cut in two at each position (of a long input,
// at some), and checks that it returns `expected` each time. The pieces live until `feed` returns.
void check_all_cuts(std::string_view input, std::string_view expected,
                    const std::function<std::string(const std::vector<std::string_view>&)>& feed);

// Text in quotes, control bytes escaped; what is longer than 64 bytes, as its length.
std::string quoted(std::string_view text);

}  // namespace millrace::test
