// HTTP/1 responses as a strict client reads them: byte by byte if need be, with every framing of
// RFC 9112 chapter 6. On purpose not built on src/http.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::testing {

struct Reply {
  int status = 0;
  int minor_version = 1;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  bool until_close = false;  // only the end of the connection ends it
  bool whole = false;
  [[nodiscard]] bool interim() const { return status >= 100 && status < 200; }
  // The first field of that name, in any case; empty where there is none.
  [[nodiscard]] std::string field(std::string_view name) const;
};

class ReplyReader {
 public:
  // Reads on; stops behind a whole reply. Returns how much of `bytes` was read.
  std::size_t feed(std::string_view bytes);
  // A reply to HEAD has no body.
  void expect_head_request(bool head) { head_request_ = head; }
  // The connection has ended cleanly: true where that completes a reply.
  bool end_of_connection();

  [[nodiscard]] bool whole() const { return reply_.whole; }
  // Something of a reply has come.
  [[nodiscard]] bool started() const { return started_; }
  [[nodiscard]] bool bad() const { return state_ == State::Bad; }
  // The line that was read last: where bad(), the one that was not understood.
  [[nodiscard]] const std::string& last_line() const { return last_line_; }
  [[nodiscard]] const Reply& reply() const { return reply_; }
  // For the next one.
  Reply take();

 private:
  enum class State : std::uint8_t {
    Status,
    Fields,
    Length,
    ChunkSize,
    ChunkData,
    ChunkEnd,
    Trailers,
    UntilClose,
    Done,
    Bad,
  };
  void read_line(std::string_view line);
  void read_status(std::string_view line);
  void begin_body();
  std::size_t read_body(std::string_view bytes);

  State state_ = State::Status;
  std::string line_;
  std::string last_line_;
  Reply reply_;
  std::uint64_t left_ = 0;
  bool head_request_ = false;
  bool started_ = false;
};

}  // namespace millrace::testing
