// FastCGI as a peer of ours writes and reads it, on plain strings. On purpose not built on
// src/fcgi: the two must agree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::testing {

// Types of records, FastCGI 1.0 chapter 8.
inline constexpr int kBegin = 1;
inline constexpr int kAbort = 2;
inline constexpr int kEnd = 3;
inline constexpr int kParams = 4;
inline constexpr int kStdin = 5;
inline constexpr int kStdout = 6;
inline constexpr int kStderr = 7;
inline constexpr int kGetValues = 9;
inline constexpr int kGetValuesResult = 10;

// A record; at most 65535 bytes of content.
std::string record(int type, int id, std::string_view content, std::size_t padding = 0);
// STDOUT or STDERR records of at most `most` bytes each, without the empty one that ends the
// stream.
std::string stream_records(int type, int id, std::string_view content, std::size_t most = 65535,
                           std::size_t padding = 0);
std::string end_request(int id, std::uint32_t app_status = 0, int protocol_status = 0);
// STDOUT with all of `output`, its end, and END_REQUEST.
std::string whole_answer(int id, std::string_view output);

struct WireRecord {
  int type = 0;
  int id = 0;
  std::string content;
};

class WireReader {
 public:
  void feed(std::string_view bytes) { bytes_ += bytes; }
  // The next whole record.
  std::optional<WireRecord> next();
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  // A version other than 1 was seen.
  [[nodiscard]] bool bad() const { return bad_; }

 private:
  std::string bytes_;
  bool bad_ = false;
};

// Name-value pairs (3.4); nothing where they are damaged.
std::optional<std::map<std::string, std::string>> decode_pairs(std::string_view bytes);

}  // namespace millrace::testing
