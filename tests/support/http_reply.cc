#include "support/http_reply.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"

namespace millrace::testing {

std::string Reply::field(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (base::equal_ignoring_case(key, name)) return value;
  }
  return {};
}

std::size_t ReplyReader::feed(std::string_view bytes) {
  const std::size_t all = bytes.size();
  while (!bytes.empty() && state_ != State::Done && state_ != State::Bad) {
    started_ = true;
    if (state_ == State::Length || state_ == State::ChunkData || state_ == State::UntilClose) {
      bytes.remove_prefix(read_body(bytes));
      continue;
    }
    line_ += bytes.front();
    bytes.remove_prefix(1);
    if (!line_.ends_with('\n')) continue;
    last_line_ = std::exchange(line_, {});
    if (!last_line_.ends_with("\r\n")) {
      state_ = State::Bad;
    } else {
      read_line(std::string_view(last_line_).substr(0, last_line_.size() - 2));
    }
  }
  return all - bytes.size();
}

void ReplyReader::read_line(std::string_view line) {
  switch (state_) {
    case State::Status:
      return read_status(line);
    case State::Fields: {
      if (line.empty()) return begin_body();
      const std::size_t colon = line.find(':');
      if (colon == std::string_view::npos) {
        state_ = State::Bad;
        return;
      }
      reply_.fields.emplace_back(line.substr(0, colon), base::trim(line.substr(colon + 1)));
      return;
    }
    case State::ChunkSize: {
      left_ = 0;
      for (const char c : line)
        left_ = left_ * 16 + static_cast<unsigned>(base::hex_value(c));
      const bool valid = !line.empty() && line.size() <= 16 &&
                         std::ranges::all_of(line, [](char c) { return base::hex_value(c) >= 0; });
      state_ = !valid ? State::Bad : left_ == 0 ? State::Trailers : State::ChunkData;
      return;
    }
    case State::ChunkEnd:
      state_ = line.empty() ? State::ChunkSize : State::Bad;
      return;
    case State::Trailers:
      reply_.whole = line.empty();
      state_ = line.empty() ? State::Done : State::Bad;
      return;
    case State::Length:
    case State::ChunkData:
    case State::UntilClose:
    case State::Done:
    case State::Bad:
      return;
  }
}

void ReplyReader::read_status(std::string_view line) {
  const bool valid = line.size() >= 12 && line.starts_with("HTTP/1.") && line[8] == ' ';
  const auto status = valid ? base::parse_decimal(line.substr(9, 3)) : std::nullopt;
  if (!status) {
    state_ = State::Bad;
    return;
  }
  reply_.status = static_cast<int>(*status);
  reply_.minor_version = line[7] - '0';
  state_ = State::Fields;
}

// RFC 9112 6.3.
void ReplyReader::begin_body() {
  const bool none =
      head_request_ || reply_.interim() || reply_.status == 204 || reply_.status == 304;
  const std::string length = reply_.field("content-length");
  left_ = base::parse_decimal(length).value_or(0);
  if (none || (!length.empty() && left_ == 0)) {
    reply_.whole = true;
    state_ = State::Done;
  } else if (base::equal_ignoring_case(reply_.field("transfer-encoding"), "chunked")) {
    state_ = length.empty() ? State::ChunkSize : State::Bad;
  } else if (!length.empty()) {
    state_ = State::Length;
  } else {
    reply_.until_close = true;
    state_ = State::UntilClose;
  }
}

std::size_t ReplyReader::read_body(std::string_view bytes) {
  if (state_ == State::UntilClose) {
    reply_.body += bytes;
    return bytes.size();
  }
  const std::string_view piece = bytes.substr(0, left_);
  reply_.body += piece;
  left_ -= piece.size();
  if (left_ == 0 && state_ == State::Length) {
    reply_.whole = true;
    state_ = State::Done;
  } else if (left_ == 0) {
    state_ = State::ChunkEnd;
  }
  return piece.size();
}

bool ReplyReader::end_of_connection() {
  if (state_ != State::UntilClose) return false;
  reply_.whole = true;
  state_ = State::Done;
  return true;
}

Reply ReplyReader::take() {
  Reply taken;
  std::swap(taken, reply_);
  state_ = State::Status;
  started_ = false;
  return taken;
}

}  // namespace millrace::testing
