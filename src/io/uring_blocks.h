// Blocks of one size, lent to the kernel, which picks one for each receive (a provided-buffer
// ring). A completion brings a block back; it is lent again when its last slice goes. Part of
// UringRing.
#pragma once

#include <liburing.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "buffer/block.h"

namespace millrace::io {

class LentBlocks final : public buffer::BlockOwner {
 public:
  LentBlocks() = default;
  LentBlocks(const LentBlocks&) = delete;
  LentBlocks& operator=(const LentBlocks&) = delete;
  ~LentBlocks() {
    if (memory_ != nullptr) ::munmap(memory_, blocks_.size() * stride_);
  }

  // Blocks are numbered from `first_id`. A negative errno, or 0.
  int init(io_uring& ring, int group, unsigned first_id, unsigned count, std::size_t bytes);
  void exit(io_uring& ring) {
    if (lent_ != nullptr) io_uring_free_buf_ring(&ring, lent_, count(), group_);
  }
  // What a receive has put into the block; a copy of it where the blocks run short.
  buffer::Slice take(unsigned id, std::size_t bytes, buffer::BlockPool& pool) {
    buffer::Block& block = blocks_[id - first_id_];
    --with_kernel_;
    buffer::Slice received(block, {block.data, bytes});
    return with_kernel_ < count() / 4 ? pool.copy(received.text()) : received;
  }
  // Shows the kernel what was given back.
  void announce() {
    if (to_announce_ > 0) io_uring_buf_ring_advance(lent_, std::exchange(to_announce_, 0));
  }
  void recycle(buffer::Block& block) noexcept override {
    io_uring_buf_ring_add(lent_, block.data, block.capacity, static_cast<unsigned short>(block.id),
                          io_uring_buf_ring_mask(count()), to_announce_++);
    ++with_kernel_;
  }

 private:
  [[nodiscard]] unsigned count() const { return static_cast<unsigned>(blocks_.size()); }

  io_uring_buf_ring* lent_ = nullptr;
  std::vector<buffer::Block> blocks_;
  char* memory_ = nullptr;
  std::size_t stride_ = 0;
  unsigned first_id_ = 0;
  unsigned with_kernel_ = 0;
  int to_announce_ = 0;
  int group_ = 0;
};

}  // namespace millrace::io
