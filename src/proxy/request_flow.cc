#include "proxy/request_flow.h"

#include <algorithm>
#include <utility>

#include "fcgi/record_writer.h"

namespace millrace::proxy {
namespace {

void move(buffer::Chain& from, std::size_t bytes, buffer::Chain& to) {
  while (bytes > 0) {
    const buffer::Slice& first = from.front();
    const std::size_t some = std::min(bytes, first.size());
    to.append_to_keep(first.part(first.text().substr(0, some)));
    from.consume(some);
    bytes -= some;
  }
}

}  // namespace

void RequestFlow::reset() {
  queued_.clear();
  kept_.clear();
  backend_ = nullptr;
  received_ = 0;
  keep_ = keeping_ = started_ = ended_ = false;
  if (spool_ != nullptr) std::exchange(spool_, nullptr)->close();
}

void RequestFlow::begin(io::Spool* spool, bool keep) {
  spool_ = spool;
  keep_ = keep;
  keeping_ = spool == nullptr;
}

bool RequestFlow::add(buffer::Slice piece) {
  received_ += piece.size();
  if (spool_ != nullptr) return spool_->append(piece.text());
  if (keeping_ && kept_.size() + piece.size() > kKeptMax) keep_no_more();
  if (keeping_) kept_.append_to_keep(piece);
  queued_.append_to_keep(std::move(piece));
  return true;
}

void RequestFlow::end() {
  ended_ = true;
  if (spool_ != nullptr) spool_->end();
}

bool RequestFlow::wants_more() const {
  if (ended_) return false;
  if (spool_ != nullptr) return spool_->wants_more();
  return backend_ != nullptr && queued_.size() < kQueuedMax;
}

void RequestFlow::start(upstream::BackendLink& backend) {
  if (started_) {
    MUST(can_replay());
    queued_.clear();
    kept_.share_with(queued_);
    if (spool_ != nullptr) spool_->rewind();
  }
  started_ = true;
  backend_ = &backend;
  pump();
}

void RequestFlow::pump() {
  if (backend_ == nullptr) return;
  buffer::Chain& out = backend_->out();
  while (out.size() < kQueuedMax) {
    if (queued_.empty() && spool_ != nullptr) spool_->take(queued_);
    if (queued_.empty()) break;
    const std::size_t bytes = std::min(queued_.size(), fcgi::kStdinMax);
    fcgi::stdin_header(out, backend_->id(), bytes);
    move(queued_, bytes, out);
  }
  if (ended_ && queued_.empty() && (spool_ == nullptr || spool_->all())) {
    fcgi::stdin_end(out, backend_->id());
    std::exchange(backend_, nullptr)->input_complete();
  }
}

}  // namespace millrace::proxy
