#include "proxy/response_flow.h"

#include <utility>

namespace millrace::proxy {

void ResponseFlow::reset(std::size_t head_bytes_max) {
  head_bytes_max_ = head_bytes_max;
  head_.reset(head_bytes_max);
  pending_.clear();
  left_ = sent_ = 0;
  state_ = State::AwaitingHead;
  framing_ = Framing::None;
  begun_ = probed_ = false;
}

fcgi::ReplyHead::Event ResponseFlow::read_head(buffer::Slice& content) {
  begun_ = true;
  const fcgi::ReplyHead::Step step = head_.next(content.text());
  content.remove_prefix(step.consumed);
  return step.event;
}

void ResponseFlow::next_head() {
  head_.reset(head_bytes_max_);
}

void ResponseFlow::begin_body(bool allowed, unsigned minor_version) {
  state_ = State::Body;
  if (!allowed) {
    framing_ = Framing::None;
  } else if (const auto length = head_.content_length()) {
    framing_ = Framing::Length;
    left_ = *length;
  } else {
    framing_ = minor_version >= 1 ? Framing::Chunked : Framing::UntilClose;
  }
}

bool ResponseFlow::add(buffer::Slice content) {
  if (framing_ == Framing::None) return true;
  if (framing_ != Framing::Length) {
    pending_.append_to_keep(std::move(content));
    return true;
  }
  if (content.size() <= left_) {
    left_ -= content.size();
    pending_.append_to_keep(std::move(content));
    return true;
  }
  pending_.append_to_keep(content.part(content.text().substr(0, left_)));
  left_ = 0;
  return false;
}

void ResponseFlow::flush(buffer::Chain& out) {
  if (pending_.empty()) return;
  sent_ += pending_.size();
  if (framing_ != Framing::Chunked) return out.append_all(pending_);
  http::append_chunk_header(out, pending_.size());
  out.append_all(pending_);
  out.append_copy(http::kChunkEnd);
}

bool ResponseFlow::finish(buffer::Chain& out) {
  flush(out);
  state_ = State::Complete;
  if (framing_ == Framing::Chunked) out.append_copy(http::kLastChunk);
  return framing_ != Framing::Length || left_ == 0;
}

// A chunk's size may have leading zeros (RFC 9112 7.1), so a zero sent ahead belongs to the next
// one.
bool ResponseFlow::probe(buffer::Chain& out) {
  if (probed_ || state_ != State::Body || framing_ != Framing::Chunked) return false;
  probed_ = true;
  out.append_copy("0");
  return true;
}

}  // namespace millrace::proxy
