// Responses as bytes: the head, the framing of chunks, and the bodies of the proxy's own answers.
// Nothing here checks what it is given: names and values come from a reader that has refused line
// ends and control bytes already.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "buffer/chain.h"

namespace millrace::http {

// The standard phrase, without a line end; empty for a status that has none.
[[nodiscard]] std::string_view reason_phrase(int status);
// "HTTP/1.1 200 OK\r\n"; empty for a status without a standard phrase. We answer an HTTP/1.0
// request as HTTP/1.1 too (RFC 9112 2.3).
[[nodiscard]] std::string_view status_text(int status);

// Appends a response head to `out`, line by line. `end()` is the last call, for an interim response
// also.
class HeadWriter {
 public:
  // An empty reason stands for the standard phrase. 100 <= status <= 999.
  HeadWriter(buffer::Chain& out, int status, std::string_view reason = {});

  void field(std::string_view name, std::string_view value);
  void field(std::string_view name, std::uint64_t value);
  void end();

 private:
  buffer::Chain& out_;
};

// RFC 9112 7.1. In front of a chunk of `size` bytes, which is not 0; behind it comes kChunkEnd.
void append_chunk_header(buffer::Chain& out, std::uint64_t size);
inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

// Whether a client with this Accept wants an error as JSON: it names JSON, and likes HTML no more.
[[nodiscard]] bool prefers_json(std::string_view accept);
// Replaces `out` by the body of an error response: a small page, or an object. The request id is
// escaped; it is left out where it is empty.
void error_body(int status, bool json, std::string_view request_id, std::string& out);

}  // namespace millrace::http
