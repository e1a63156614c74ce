#include "fcgi/record_reader.h"

#include <algorithm>

namespace millrace::fcgi {

RecordReader::Step RecordReader::next(std::string_view data) {
  Step step;
  const std::size_t given = data.size();
  while (step.event == Event::NeedMore && !data.empty()) {
    switch (state_) {
      case State::Header:
        if (take_header(data)) step.event = begin_record();
        break;
      case State::Content:
        step.event = hand_out(data, step);
        break;
      case State::Collect:
        step.event = collect(data, step);
        break;
      case State::Skip:
        skip(data);
        break;
      case State::Failed:
        step.event = Event::Bad;
        break;
    }
  }
  // Padding that is here already is taken along, to spare the caller a turn.
  if (state_ == State::Skip) skip(data);
  step.consumed = given - data.size();
  step.type = header_.type;
  step.id = header_.id;
  step.reason = reason_;
  return step;
}

bool RecordReader::take_header(std::string_view& data) {
  if (header_have_ == 0 && data.size() >= kHeaderBytes) {
    header_ = decode_header(data);
    data.remove_prefix(kHeaderBytes);
    return true;
  }
  const std::size_t taken = std::min(data.size(), kHeaderBytes - header_have_);
  std::copy_n(data.data(), taken, header_bytes_.data() + header_have_);
  data.remove_prefix(taken);
  header_have_ = static_cast<std::uint8_t>(header_have_ + taken);
  if (header_have_ < kHeaderBytes) return false;
  header_have_ = 0;
  header_ = decode_header({header_bytes_.data(), header_bytes_.size()});
  return true;
}

// Decides by the header alone what becomes of the record.
Event RecordReader::begin_record() {
  if (header_.version != kVersion) return fail("record of another protocol version");
  content_left_ = header_.content_length;
  skip_left_ = header_.padding_length;
  const bool management = header_.id == kManagementId;
  switch (header_.type) {
    case RecordType::Stdout:
    case RecordType::Stderr:
      if (management) return fail("stream record with the null request id");
      state_ = content_left_ > 0 ? State::Content : State::Skip;
      return content_left_ > 0 ? Event::NeedMore : Event::StreamEnd;
    case RecordType::EndRequest:
      if (management) return fail("END_REQUEST with the null request id");
      if (content_left_ != kEndRequestBytes) return fail("END_REQUEST that is not 8 bytes long");
      break;
    case RecordType::GetValuesResult:
      if (!management) return fail("GET_VALUES_RESULT with a request id");
      if (content_left_ > kValuesMax) return fail("GET_VALUES_RESULT that is too long");
      break;
    case RecordType::BeginRequest:
    case RecordType::AbortRequest:
    case RecordType::Params:
    case RecordType::Stdin:
    case RecordType::Data:
    case RecordType::GetValues:
    case RecordType::UnknownType:
    default:
      skip_left_ += content_left_;
      state_ = State::Skip;
      return Event::NeedMore;
  }
  collected_.clear();
  state_ = State::Collect;
  // An empty record without padding is whole already; only a GET_VALUES_RESULT may be.
  if (content_left_ + skip_left_ > 0) return Event::NeedMore;
  state_ = State::Header;
  return Event::Values;
}

Event RecordReader::hand_out(std::string_view& data, Step& step) {
  step.content = data.substr(0, content_left_);
  data.remove_prefix(step.content.size());
  content_left_ -= step.content.size();
  if (content_left_ == 0) state_ = State::Skip;
  return Event::Content;
}

Event RecordReader::collect(std::string_view& data, Step& step) {
  std::string_view content;
  if (collected_.empty() && data.size() >= content_left_ + skip_left_) {
    content = data.substr(0, content_left_);
    data.remove_prefix(content_left_ + skip_left_);
  } else {
    const std::string_view piece = data.substr(0, content_left_);
    collected_.append(piece);
    data.remove_prefix(piece.size());
    content_left_ -= piece.size();
    const std::size_t padding = std::min(data.size(), skip_left_);
    data.remove_prefix(padding);
    skip_left_ -= padding;
    if (content_left_ + skip_left_ > 0) return Event::NeedMore;
    content = collected_;
  }
  state_ = State::Header;
  if (header_.type == RecordType::GetValuesResult) {
    step.content = content;
    return Event::Values;
  }
  step.end = {.app_status = get_u32(content, 0),
              .protocol_status = static_cast<ProtocolStatus>(byte_at(content, 4))};
  return Event::End;
}

void RecordReader::skip(std::string_view& data) {
  const std::size_t skipped = std::min(data.size(), skip_left_);
  data.remove_prefix(skipped);
  skip_left_ -= skipped;
  if (skip_left_ == 0) state_ = State::Header;
}

Event RecordReader::fail(std::string_view reason) {
  state_ = State::Failed;
  reason_ = reason;
  return Event::Bad;
}

}  // namespace millrace::fcgi
