#include "fcgi/record_writer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "base/must.h"
#include "fcgi/params.h"

namespace millrace::fcgi {
namespace {

constexpr std::size_t kBeginBytes = kHeaderBytes + 8;

void put_header(buffer::Chain& out, const Header& header) {
  encode_header(out.reserve(kHeaderBytes), header);
  out.commit(kHeaderBytes);
}

}  // namespace

void begin_request(buffer::Chain& out, std::uint16_t id, Role role, bool keep_conn) {
  char* const at = out.reserve(kBeginBytes);
  encode_header(at, {.type = RecordType::BeginRequest, .id = id, .content_length = 8});
  char* const body = at + kHeaderBytes;
  std::memset(body, 0, 8);
  put_u16(body, static_cast<std::uint16_t>(role));
  body[2] = static_cast<char>(keep_conn ? kKeepConn : 0);
  out.commit(kBeginBytes);
}

bool ParamsWriter::add(std::string_view name, std::string_view value) {
  // Compared one by one, so that nothing can overflow.
  if (name.size() > kContentMax || value.size() > kContentMax) return false;
  const std::size_t size = encoded_size(name.size(), value.size());
  if (size > kContentMax) return false;
  at_ = encode_pair(room_for(size), name, value);
  content_ += size;
  return true;
}

bool ParamsWriter::add_encoded(std::string_view pairs) {
  if (pairs.empty()) return true;
  if (pairs.size() > kEncodedMax) return false;
  char* const room = room_for(pairs.size());
  std::memcpy(room, pairs.data(), pairs.size());
  at_ = room + pairs.size();
  content_ += pairs.size();
  return true;
}

void ParamsWriter::finish() {
  close_record();
  if (static_cast<std::size_t>(end_ - at_) < kHeaderBytes) refill(kHeaderBytes);
  encode_header(at_, {.type = RecordType::Params, .id = id_});
  at_ += kHeaderBytes;
  commit();
}

// Contiguous room for `bytes` of content in an open record that can hold them.
char* ParamsWriter::room_for(std::size_t bytes) {
  if (length_at_ != nullptr && content_ + bytes > kContentMax) close_record();
  const std::size_t header = length_at_ == nullptr ? kHeaderBytes : 0;
  if (static_cast<std::size_t>(end_ - at_) < header + bytes) refill(header + bytes);
  if (length_at_ == nullptr) {
    encode_header(at_, {.type = RecordType::Params, .id = id_});
    length_at_ = at_ + 4;
    at_ += kHeaderBytes;
    content_ = 0;
  }
  return at_;
}

// Room from the chain: the rest of a block that begin_request() opened, if it will do, else a whole
// block. A record goes on across blocks; only a pair does not.
void ParamsWriter::refill(std::size_t bytes) {
  constexpr std::size_t kAfterBegin = buffer::BlockPool::kBlockBytes - kBeginBytes;
  const std::size_t wanted = std::max(bytes, kAfterBegin);
  commit();
  committed_ = at_ = out_.reserve(wanted);
  end_ = at_ + wanted;
}

void ParamsWriter::close_record() {
  if (length_at_ == nullptr) return;
  put_u16(length_at_, static_cast<std::uint16_t>(content_));
  length_at_ = nullptr;
}

void ParamsWriter::commit() {
  if (at_ != committed_) out_.commit(static_cast<std::size_t>(at_ - committed_));
  committed_ = at_;
}

void stdin_header(buffer::Chain& out, std::uint16_t id, std::size_t length) {
  MUST(length > 0 && length <= kContentMax);
  put_header(
      out,
      {.type = RecordType::Stdin, .id = id, .content_length = static_cast<std::uint16_t>(length)});
}

void stdin_end(buffer::Chain& out, std::uint16_t id) {
  put_header(out, {.type = RecordType::Stdin, .id = id});
}

void abort_request(buffer::Chain& out, std::uint16_t id) {
  put_header(out, {.type = RecordType::AbortRequest, .id = id});
}

void get_values(buffer::Chain& out, bool padded) {
  constexpr std::uint8_t kPadding = 8;
  constexpr std::size_t kContent = encoded_size(kMaxConns.size(), 0) +
                                   encoded_size(kMaxReqs.size(), 0) +
                                   encoded_size(kMpxsConns.size(), 0);
  const std::uint8_t padding = padded ? kPadding : 0;
  const std::size_t size = kHeaderBytes + kContent + padding;
  char* at = out.reserve(size);
  encode_header(
      at, {.type = RecordType::GetValues, .content_length = kContent, .padding_length = padding});
  at += kHeaderBytes;
  for (const std::string_view name : {kMaxConns, kMaxReqs, kMpxsConns}) {
    at = encode_pair(at, name, {});
  }
  std::memset(at, 0, padding);
  out.commit(size);
}

}  // namespace millrace::fcgi
