// Bytes from an application in, records out. The only place that counts content and padding.
//
//     data --> next() --> Content Content StreamEnd ... End
//
// The content of STDOUT and STDERR is handed out as it arrives, as views into the caller's bytes.
// Records that are needed whole (END_REQUEST, GET_VALUES_RESULT) are handed out whole, with their
// padding taken, so that at_boundary() then tells whether the connection is clean. Records that an
// application has no business to send, and types that do not exist yet, are skipped whatever their
// size (FastCGI 1.0 4.2 lets peers be of different ages).
//
// How the bytes are cut into calls changes nothing but the cuts of Content.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fcgi/protocol.h"

namespace millrace::fcgi {

enum class Event : std::uint8_t {
  NeedMore,   // All of `data` was taken; nothing to report yet.
  Content,    // A piece of a STDOUT or STDERR record, never empty.
  StreamEnd,  // An empty STDOUT or STDERR record: the stream is complete (3.3).
  End,        // A whole END_REQUEST.
  Values,     // A whole GET_VALUES_RESULT; its pairs are in `content`.
  Bad,        // Not FastCGI, or against its rules; `reason` says why. Stays so.
};

class RecordReader {
 public:
  static constexpr std::size_t kValuesMax = 4096;

  struct Step {
    Event event = Event::NeedMore;
    std::size_t consumed = 0;  // Bytes of `data` that the caller drops before the next call.
    RecordType type = RecordType::UnknownType;
    std::uint16_t id = kManagementId;  // Whether it is an expected one is for the caller to say.
    // A view into `data`; of Values, it may also be the reader's own until the next call.
    std::string_view content;
    EndRequest end;           // of End
    std::string_view reason;  // of Bad
  };

  // The next event in `data`. Call again with the rest until NeedMore.
  Step next(std::string_view data);

  // Between two records: the stream may end here without anything being cut.
  [[nodiscard]] bool at_boundary() const { return state_ == State::Header && header_have_ == 0; }

 private:
  enum class State : std::uint8_t {
    Header,   // Awaits the rest of a header.
    Content,  // Hands out content_left_ bytes, then skips.
    Collect,  // Gathers content_left_ bytes and the padding, then reports the whole record.
    Skip,     // Drops skip_left_ bytes: padding, or a record of no interest.
    Failed,
  };

  [[nodiscard]] bool take_header(std::string_view& data);
  [[nodiscard]] Event begin_record();
  [[nodiscard]] Event hand_out(std::string_view& data, Step& step);
  [[nodiscard]] Event collect(std::string_view& data, Step& step);
  [[nodiscard]] Event fail(std::string_view reason);
  void skip(std::string_view& data);

  State state_ = State::Header;
  std::uint8_t header_have_ = 0;
  Header header_;
  std::size_t content_left_ = 0;
  std::size_t skip_left_ = 0;
  std::string_view reason_;
  std::array<char, kHeaderBytes> header_bytes_{};
  std::string collected_;
};

}  // namespace millrace::fcgi
