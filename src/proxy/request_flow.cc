#include "proxy/request_flow.h"

#include <utility>

#include "fcgi/record_writer.h"

namespace millrace::proxy {

void RequestFlow::reset() {
  queued_.clear();
  kept_.clear();
  backend_ = nullptr;
  received_ = 0;
  spool_ = keeping_ = started_ = ended_ = false;
}

void RequestFlow::begin(bool spool, bool keep) {
  spool_ = spool;
  keeping_ = keep;
}

void RequestFlow::add(buffer::Slice piece) {
  received_ += piece.size();
  if (keeping_ && kept_.size() + piece.size() > kKeptMax) {
    keeping_ = false;
    kept_.clear();
  }
  if (keeping_) kept_.append_to_keep(piece);
  // What is kept for long is copied together.
  if (spool_) return queued_.append_copy(piece.text());
  queued_.append_to_keep(std::move(piece));
}

bool RequestFlow::wants_more() const {
  if (ended_) return false;
  return spool_ || (backend_ != nullptr && queued_.size() < kQueuedMax);
}

void RequestFlow::start(BackendConn& backend) {
  if (started_) {
    MUST(keeping_);
    queued_.clear();
    kept_.share_with(queued_);
  }
  started_ = true;
  backend_ = &backend;
  pump();
}

void RequestFlow::pump() {
  if (backend_ == nullptr) return;
  buffer::Chain& out = backend_->out();
  while (!queued_.empty() && out.size() < kQueuedMax) {
    buffer::Slice piece = queued_.pop_front();
    while (piece.size() > fcgi::kStdinMax) {
      fcgi::stdin_header(out, BackendConn::kRequestId, fcgi::kStdinMax);
      out.append(piece.part(piece.text().substr(0, fcgi::kStdinMax)));
      piece.remove_prefix(fcgi::kStdinMax);
    }
    fcgi::stdin_header(out, BackendConn::kRequestId, piece.size());
    out.append(std::move(piece));
  }
  if (ended_ && queued_.empty()) {
    fcgi::stdin_end(out, BackendConn::kRequestId);
    std::exchange(backend_, nullptr)->input_complete();
  }
}

}  // namespace millrace::proxy
