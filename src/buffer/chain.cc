#include "buffer/chain.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace millrace::buffer {

void Chain::link(Slice slice) {
  Segment* segment = pool_->segments().make();
  segment->slice = std::move(slice);
  if (tail_ == nullptr) {
    head_ = segment;
  } else {
    tail_->next = segment;
  }
  tail_ = segment;
}

void Chain::append(Slice slice) {
  if (slice.empty()) return;
  size_ += slice.size();
  link(std::move(slice));
}

void Chain::append_to_keep(Slice slice) {
  if (slice.size() < kSmallBytes) return append_copy(slice.text());
  append(std::move(slice));
}

void Chain::append_copy(std::string_view text) {
  if (text.empty()) return;
  std::memcpy(reserve(text.size()), text.data(), text.size());
  commit(text.size());
}

// The tail can grow if its slice ends where its block's written part ends; what another chain or
// slice holds of the same block lies before that.
std::size_t Chain::room() const {
  if (tail_ == nullptr) return 0;
  const Slice& last = tail_->slice;
  const Block& block = *last.block_;
  return last.data_ + last.size_ == block.data + block.used ? block.capacity - block.used : 0;
}

char* Chain::reserve(std::size_t bytes) {
  if (room() >= bytes) {
    const Block& block = *tail_->slice.block_;
    return block.data + block.used;
  }
  Block& block = pool_->allocate(bytes);
  link(Slice(block));
  return block.data;
}

void Chain::commit(std::size_t bytes) {
  Slice& last = tail_->slice;
  MUST(last.block_->used + bytes <= last.block_->capacity);
  last.block_->used += static_cast<std::uint32_t>(bytes);
  last.size_ += static_cast<std::uint32_t>(bytes);
  size_ += bytes;
}

void Chain::append_all(Chain& other) {
  MUST(pool_ == other.pool_);
  if (other.head_ == nullptr) return;
  if (other.size_ < kSmallBytes && other.size_ <= room()) {
    for (const Segment* s = other.head_; s != nullptr; s = s->next) {
      append_copy(s->slice.text());
    }
    return other.clear();
  }
  if (tail_ == nullptr) {
    head_ = other.head_;
  } else {
    tail_->next = other.head_;
  }
  tail_ = other.tail_;
  size_ += other.size_;
  other.head_ = other.tail_ = nullptr;
  other.size_ = 0;
}

Chain::Gathered Chain::gather(std::span<iovec> into) const {
  Gathered gathered;
  for (const Segment* s = head_; s != nullptr && gathered.count < into.size(); s = s->next) {
    if (s->slice.empty()) continue;
    into[gathered.count++] = {const_cast<char*>(s->slice.data_), s->slice.size()};
    gathered.bytes += s->slice.size();
  }
  return gathered;
}

void Chain::consume(std::size_t bytes) {
  MUST(bytes <= size_);
  size_ -= bytes;
  while (head_ != nullptr && bytes >= head_->slice.size()) {
    bytes -= head_->slice.size();
    drop_front();
  }
  if (head_ != nullptr) head_->slice.remove_prefix(bytes);
}

const Slice& Chain::front() {
  MUST(size_ > 0);
  while (head_->slice.empty()) {
    drop_front();
  }
  return head_->slice;
}

void Chain::share_with(Chain& other) const {
  for (const Segment* s = head_; s != nullptr; s = s->next) {
    other.append(s->slice);
  }
}

Slice Chain::pop_front() {
  MUST(size_ > 0);
  while (head_->slice.empty()) {
    drop_front();
  }
  Slice slice = std::move(head_->slice);
  size_ -= slice.size();
  drop_front();
  return slice;
}

void Chain::drop_front() {
  Segment* first = head_;
  head_ = first->next;
  if (head_ == nullptr) tail_ = nullptr;
  pool_->segments().destroy(first);
}

void Chain::clear() {
  while (head_ != nullptr) {
    drop_front();
  }
  size_ = 0;
}

}  // namespace millrace::buffer
