// The application's side of one FastCGI connection, without the socket: bytes in, bytes out, and
// the time as a number. Requests are multiplexed; their answers take turns, a record each. An
// answer is made when its request's STDIN has ended, and written as far as kOutputMax allows: a
// body of a gigabyte never lies in memory.
//
// The reader of the client side (fcgi::RecordReader) knows the other direction's records only, so
// the records of a web server are read here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "buffer/chain.h"
#include "demo/application.h"
#include "fcgi/protocol.h"

namespace millrace::demo {

class Conversation {
 public:
  static constexpr std::size_t kOutputMax = std::size_t{256} * 1024;
  static constexpr std::size_t kParamsMax = std::size_t{1024} * 1024;
  static constexpr std::size_t kRequestsMax = 1024;

  Conversation(Application& application, buffer::BlockPool& pool)
      : application_(application), output_(pool) {}

  // Takes what came from the web server.
  void receive(std::string_view bytes, std::uint64_t now_ms);
  // Starts the answers that are due and fills the output. Call it when time has passed or the
  // output has been sent.
  void advance(std::uint64_t now_ms);

  [[nodiscard]] buffer::Chain& output() { return output_; }
  // When advance() has something to do at the earliest, if an answer waits for its time. With a
  // full output, none does: sending comes first.
  [[nodiscard]] std::optional<std::uint64_t> due() const;
  // The connection is to be closed: at once, or when the output is sent.
  [[nodiscard]] bool broken() const { return broken_; }
  [[nodiscard]] bool finished() const { return finished_ && active_ == 0 && output_.empty(); }

 private:
  enum class State : std::uint8_t { Params, Stdin, Waiting, Writing };

  struct Request {
    State state = State::Params;
    bool keep_conn = false;
    std::uint16_t id = 0;
    std::uint64_t stdin_bytes = 0;
    std::uint64_t due_ms = 0;
    std::size_t text_sent = 0;
    std::uint64_t alphabet_sent = 0;
    std::string params;
    Answer answer;
  };

  [[nodiscard]] std::size_t parse(std::string_view bytes, std::uint64_t now_ms);
  void on_record(const fcgi::Header& header, std::string_view content, std::uint64_t now_ms);
  void on_management(const fcgi::Header& header, std::string_view content);
  void on_begin(std::uint16_t id, std::string_view content);
  void on_params(Request& request, std::string_view content);
  void on_stdin(Request& request, std::string_view content, std::uint64_t now_ms);
  void on_abort(Request& request);
  void answer_values(std::string_view asked);

  [[nodiscard]] bool write_round(std::uint64_t now_ms);
  void write_piece(Request& request);
  void end(std::uint16_t id, fcgi::ProtocolStatus status, bool keep_conn);
  void remove(Request& request);

  [[nodiscard]] Request* find(std::uint16_t id);

  Application& application_;
  buffer::Chain output_;
  std::string pending_;            // The beginning of a record.
  std::vector<Request> requests_;  // Those beyond active_ keep their storage for the next ones.
  std::size_t active_ = 0;
  bool broken_ = false;
  bool finished_ = false;
};

}  // namespace millrace::demo
