// Requests out of the bytes of an HTTP/1 connection. A pull parser: next() reads up to one event and
// says how many bytes are done with, so the caller decides when a body is wanted and nothing is ever
// buffered twice.
//
//     Blank -> Line -> Fields -> Head --+--> Length ------------------> End
//                                       +--> ChunkLine <-> ChunkData
//                                       |        v
//                                       |    Trailers ---------------> End
//                                       +----------------------------> End
//     any of them -> Refused, for good
//
// Invariants: the events, whatever their pieces, depend on the bytes only and not on how they were
// cut (a limit counts bytes, never calls). A byte behind the End of a request is not looked at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "http/request.h"

namespace millrace::http {

// 0 means no limit.
struct ParserLimits {
  std::uint64_t uri = 8192;            // Bytes of the request target.
  std::uint64_t header_bytes = 32768;  // Bytes of the head, from the method on, and of trailers.
  std::uint64_t headers = 100;         // Fields, trailers too.
};

enum class Event : std::uint8_t {
  NeedMore,  // All bytes consumed, nothing complete yet.
  Head,      // head() is complete and acceptable.
  Body,      // Step::body is a piece of the decoded body.
  End,       // The message is complete; what follows is the next request.
  Refused,   // refusal() says why. Nothing more comes.
};

struct Step {
  Event event = Event::NeedMore;
  std::size_t consumed = 0;
  std::string_view body;  // A view into what next() was given.
};

struct Refusal {
  int status = 0;
  std::string_view reason;  // For the log; a constant.
  // The head was read whole and no body follows: the connection can go on, behind the head.
  bool keep_alive_ok = false;
};

class RequestParser {
 public:
  RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;
  ~RequestParser() = default;

  // Ready for the next request. Keeps its memory. Ends all views that head() gave.
  void reset(const ParserLimits& limits);
  // Reads from the beginning of `data` up to the first event. After End, reset() comes first.
  [[nodiscard]] Step next(std::string_view data);

  // After Head, and until reset(). If the head came whole in one call of next(), its views point into
  // that call's data, which the caller keeps; if it came in pieces, into the parser's own memory.
  // Also filled, as far as it was read, after a refusal with keep_alive_ok.
  [[nodiscard]] const RequestHead& head() const { return head_; }
  [[nodiscard]] Refusal refusal() const { return refusal_; }
  // A byte of a request was seen; the empty line that may come before it is none.
  [[nodiscard]] bool started() const;

 private:
  RequestHead head_;
  Refusal refusal_;
};

}  // namespace millrace::http
