// Bytes on their way to one socket, in order: a queue of slices. What is appended by copy goes into
// blocks of the pool and is joined to what was copied before it; a slice is queued as it is,
// without copying. While a send is in flight, the kernel reads from the front: nothing is removed
// there until consume(), and appending never moves what is queued.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <string_view>

#include "buffer/block.h"

namespace millrace::buffer {

class Chain {
 public:
  static constexpr std::size_t kSmallBytes = 1024;

  explicit Chain(BlockPool& pool) : pool_(&pool) {}
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;
  ~Chain() { clear(); }

  void append(Slice slice);
  // The same for a slice that may wait for long: a small one is copied, since it would hold a whole
  // block. Peers that send byte by byte would take memory many times what they send.
  void append_to_keep(Slice slice);
  void append_copy(std::string_view text);
  // Contiguous room for `bytes` at the end, valid until the next call of any function here. Only
  // what is then committed belongs to the chain. 0 < bytes.
  [[nodiscard]] char* reserve(std::size_t bytes);
  void commit(std::size_t bytes);
  // Takes over all that `other`, of the same pool, holds; what is little and fits behind what is
  // here is copied.
  void append_all(Chain& other);

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

  struct Gathered {
    std::size_t count = 0;
    std::size_t bytes = 0;
  };
  // Fills `into` from the front.
  [[nodiscard]] Gathered gather(std::span<iovec> into) const;
  // Drops `bytes` from the front; at most size().
  void consume(std::size_t bytes);
  // The first slice. Not when empty.
  [[nodiscard]] const Slice& front();
  // Takes the first slice out. Not when empty.
  [[nodiscard]] Slice pop_front();
  // Appends to `other` all that this chain holds, which keeps it too.
  void share_with(Chain& other) const;
  void clear();

  [[nodiscard]] BlockPool& pool() const { return *pool_; }

 private:
  void link(Slice slice);
  void drop_front();
  // How much the last block still takes.
  [[nodiscard]] std::size_t room() const;

  BlockPool* pool_;
  Segment* head_ = nullptr;
  Segment* tail_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace millrace::buffer
