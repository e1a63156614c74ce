// Requests out of the bytes of an HTTP/1 connection. A pull parser: next() reads up to one event
// and says how many bytes are done with, so the caller decides when a body is wanted and nothing is
// ever buffered twice.
//
//     Blank -> Line -> Fields --+--> Length ------------------> Ended
//                               +--> ChunkLine <-> ChunkData
//                               |        v
//                               |    Trailers --------------->  Ended
//                               +---------------------------->  Ended
//     any of them -> Refused, for good
//
// The request line is read by RequestLine, field lines and chunks by llhttp in its strict mode,
// which is started behind a request line of our own.
//
// Invariants: the events depend on the bytes only, not on how they were cut (a limit counts bytes,
// never calls), but that a piece of the body may come in several. A byte behind the End of a
// request is not looked at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "http/head_rules.h"
#include "http/request.h"
#include "http/request_line.h"

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
  Body,      // Step::body is a piece of the decoded body, never empty.
  End,       // The message is complete; what follows is the next request.
  Refused,   // refusal() says why. Nothing more comes.
};

struct Step {
  Event event = Event::NeedMore;
  std::size_t consumed = 0;
  std::string_view body = {};  // A view into what next() was given.
};

class RequestParser {
 public:
  RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;
  ~RequestParser() = default;

  // Ready for the next request. Keeps its memory. Ends all views that head() gave.
  void reset(const ParserLimits& limits);
  // Reads from the beginning of `data` up to the first event. After End or Refused the same is said
  // again, until reset().
  [[nodiscard]] Step next(std::string_view data);

  // After Head, and until reset(). If the head came whole in one call of next(), its views point
  // into that call's data, which the caller keeps; if it came in pieces, into the parser's own
  // memory. Also filled after a refusal with keep_alive_ok.
  [[nodiscard]] const RequestHead& head() const { return head_; }
  [[nodiscard]] Refusal refusal() const { return refusal_; }
  // A byte of a request was seen; the empty line that may come before it is none.
  [[nodiscard]] bool started() const { return head_bytes_ > 0 || phase_ >= Phase::Fields; }

 private:
  enum class Phase : std::uint8_t {
    Blank,      // Nothing yet; one empty line may come (RFC 9112 2.2).
    BlankLine,  // After the CR of that line.
    Line,
    Fields,
    Length,  // A body of `body_left_` bytes.
    ChunkLine,
    ChunkData,
    Trailers,
    Ended,
    Refused,
  };
  // A field line by its offsets in the head, which may move while it comes in pieces.
  struct Span {
    std::uint32_t name = 0;
    std::uint32_t name_end = 0;
    std::uint32_t value = 0;
    std::uint32_t value_end = 0;
  };
  struct Machine;  // llhttp's parser and its callbacks.

  Step read_head(std::string_view data);
  std::size_t skip_blank(std::string_view data);
  std::size_t read_line(std::string_view piece);
  std::size_t run_machine(std::string_view piece);
  Step finish_head(std::string_view head, std::size_t consumed);
  Step read_length(std::string_view data);
  Step read_chunks(std::string_view data);
  std::size_t read_chunk_line(std::string_view data);
  std::size_t read_trailers(std::string_view data);

  void start_machine();
  [[nodiscard]] Machine& machine();
  [[nodiscard]] std::string_view within_limit(std::string_view data) const;
  void refuse(int status, std::string_view reason);

  Phase phase_ = Phase::Blank;
  bool paused_ = false;      // The machine stopped where a callback asked it to.
  bool field_open_ = false;  // Within a field line.
  bool value_open_ = false;  // Within its value.
  std::uint32_t fields_max_ = 0;
  std::uint32_t fields_seen_ = 0;
  std::uint32_t line_bytes_ = 0;   // Of the chunk-size line.
  std::uint32_t size_digits_ = 0;  // Of a chunk size that an extension follows.
  std::size_t head_bytes_ = 0;     // Of the head, then with the trailers.
  std::size_t head_bytes_max_ = 0;
  std::uint64_t body_left_ = 0;
  const char* piece_ = nullptr;  // What the machine is reading.
  std::string_view body_;
  RequestLine line_;
  Refusal refusal_;
  alignas(8) std::byte machine_[96] = {};
  RequestHead head_;
  std::vector<Span> spans_;
  std::vector<Field> fields_;
  std::string storage_;  // The head, as far as it came, when it comes in pieces.
  HeadScratch scratch_;
};

}  // namespace millrace::http
