#include "io/spool.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/must.h"

namespace millrace::io {

using buffer::BlockPool;
using buffer::Slice;

static_assert(Spool::kPieceBytes == Ring::kReadVectors * BlockPool::kBlockBytes);

Spool::Spool(Spools& spools, Loop& loop, User& user, std::size_t memory_max)
    : spools_(spools),
      loop_(loop),
      user_(&user),
      memory_max_(memory_max),
      tail_(loop.blocks),
      read_(loop.blocks) {}

bool Spool::append(std::string_view bytes) {
  MUST(user_ != nullptr && !ended_ && error_ == 0);
  size_ += bytes.size();
  // At most a block at a time: a larger one would come from the heap.
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), BlockPool::kBlockBytes))) {
    tail_.append_copy(bytes.substr(0, BlockPool::kBlockBytes));
  }
  if (tail_.size() <= memory_max_) return true;
  if (file_ == kNoFd) file_ = loop_.ring.open_temporary();
  if (file_ < 0) {
    error_ = -std::exchange(file_, kNoFd);
    return false;
  }
  start_write();
  return true;
}

bool Spool::wants_more() const {
  return !ended_ && error_ == 0 && tail_.size() < memory_max_ + kUnfiledMax;
}

void Spool::take(buffer::Chain& into) {
  if (error_ != 0) return;
  taken_ += read_.size();
  into.append_all(read_);
  if (taken_ < filed_) return start_read();
  if (all()) return;
  buffer::Chain rest(loop_.blocks);
  tail_.share_with(rest);
  rest.consume(taken_ - filed_);
  into.append_all(rest);
  taken_ = size_;
}

void Spool::rewind() {
  taken_ = 0;
  read_.clear();
  stale_ = read_op_.in_flight();
}

void Spool::start_write() {
  if (write_op_.in_flight() || tail_.size() <= memory_max_) return;
  loop_.ring.write(write_op_, file_, tail_, filed_);
}

// When the disk becomes full, less than asked for is written, and the next write says why; or it
// writes nothing at all.
void Spool::on_written(Completion& done) {
  if (user_ == nullptr) return finish_closing();
  if (error_ != 0) return;
  if (done.result <= 0) {
    // Of a body that is whole, what is not in the file stays in memory.
    if (!ended_) fail(done.failed() ? -done.result : ENOSPC);
    return;
  }
  const auto bytes = static_cast<std::size_t>(done.result);
  tail_.consume(bytes);
  filed_ += bytes;
  start_write();
  user_->on_spool_moved();
}

// Called when read_ is empty: while what it held is sent, the next piece is read.
void Spool::start_read() {
  if (read_op_.in_flight() || taken_ >= filed_) return;
  std::uint64_t left = std::min<std::uint64_t>(kPieceBytes, filed_ - taken_);
  std::array<iovec, Ring::kReadVectors> vectors{};
  std::size_t count = 0;
  for (; left > 0; ++count) {
    buffer::Block& block = loop_.blocks.allocate(BlockPool::kBlockBytes);
    block.used = block.capacity;  // Nothing is appended to it.
    const std::size_t bytes = std::min<std::uint64_t>(left, block.capacity);
    reading_[count] = Slice(block, {block.data, bytes});
    vectors[count] = {block.data, bytes};
    left -= bytes;
  }
  loop_.ring.read(read_op_, file_, std::span(vectors).first(count), taken_);
}

void Spool::on_read(Completion& done) {
  auto filled = std::exchange(reading_, {});
  if (user_ == nullptr) return finish_closing();
  if (error_ != 0) return;
  if (std::exchange(stale_, false)) return start_read();
  // A file that ends too soon has been tampered with, or its disk has lost it.
  if (done.result <= 0) return fail(done.failed() ? -done.result : EIO);
  auto left = static_cast<std::size_t>(done.result);
  for (Slice& slice : filled) {
    const std::size_t bytes = std::min(left, slice.size());
    if (bytes > 0) read_.append(slice.part(slice.text().substr(0, bytes)));
    left -= bytes;
  }
  user_->on_spool_moved();
}

void Spool::fail(int error) {
  error_ = error;
  user_->on_spool_failed(error);
}

void Spool::close() {
  MUST(user_ != nullptr);
  user_ = nullptr;
  for (Op* op : {&write_op_, &read_op_}) {
    if (op->in_flight()) loop_.ring.cancel(*op);
  }
  finish_closing();
}

void Spool::finish_closing() {
  if (write_op_.in_flight() || read_op_.in_flight()) return;
  if (file_ == kNoFd) return spools_.spools_.destroy(this);
  loop_.ring.close(close_op_, std::exchange(file_, kNoFd));
}

void Spool::on_file_closed(Completion& /*done*/) {
  spools_.spools_.destroy(this);
}

}  // namespace millrace::io
