// Records to an application, written into a chain: small ones joined in one block, content that the
// caller has as a slice queued behind its header without a copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "buffer/chain.h"
#include "fcgi/protocol.h"

namespace millrace::fcgi {

// BEGIN_REQUEST (FastCGI 1.0 5.1).
void begin_request(buffer::Chain& out, std::uint16_t id, Role role, bool keep_conn);

// The PARAMS stream of one request (5.2). Pairs are written straight into the chain's blocks; the
// length of a record is filled in when it is full. A pair never lies in two records: PHP-FPM resets
// the connection for that. Until finish(), nothing else may touch the chain, and some of the bytes
// do not belong to it yet: where a pair is refused, what the chain got must not be sent.
class ParamsWriter {
 public:
  // The most that add_encoded() takes.
  static constexpr std::size_t kEncodedMax = 65528;

  ParamsWriter(buffer::Chain& out, std::uint16_t id) : out_(out), id_(id) {}
  ParamsWriter(const ParamsWriter&) = delete;
  ParamsWriter& operator=(const ParamsWriter&) = delete;
  ~ParamsWriter() = default;

  // False where the pair is larger than a record; nothing is written then.
  [[nodiscard]] bool add(std::string_view name, std::string_view value);
  // Whole pairs, from append_pair(). False where they are larger than kEncodedMax.
  [[nodiscard]] bool add_encoded(std::string_view pairs);
  // Ends the stream with an empty record. Nothing may be added after it.
  void finish();

 private:
  [[nodiscard]] char* room_for(std::size_t bytes);
  void refill(std::size_t bytes);
  void close_record();
  void commit();

  buffer::Chain& out_;
  char* at_ = nullptr;         // Where the next byte goes,
  char* end_ = nullptr;        // and where the room ends.
  char* committed_ = nullptr;  // What lies before belongs to the chain.
  char* length_at_ = nullptr;  // The open record's content length; null when none is open.
  std::size_t content_ = 0;    // Bytes in the open record.
  std::uint16_t id_;
};

// The header of a STDIN record (5.3) with `length` bytes of content, 1 to kStdinMax, that the
// caller appends next. No padding.
void stdin_header(buffer::Chain& out, std::uint16_t id, std::size_t length);
// The empty record that ends STDIN.
void stdin_end(buffer::Chain& out, std::uint16_t id);

// ABORT_REQUEST (5.4).
void abort_request(buffer::Chain& out, std::uint16_t id);

// GET_VALUES (4.1), asking for the three variables of protocol.h. Padded: libfcgi answers a record
// without padding only when the next one arrives.
void get_values(buffer::Chain& out, bool padded);

}  // namespace millrace::fcgi
