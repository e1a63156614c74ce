#include "io/uring_blocks.h"

#include <cerrno>

namespace millrace::io {

int LentBlocks::init(io_uring& ring, int group, unsigned first_id, unsigned count,
                     std::size_t bytes) {
  int error = 0;
  lent_ = io_uring_setup_buf_ring(&ring, count, group, 0, &error);
  if (lent_ == nullptr) return error;
  group_ = group;
  first_id_ = first_id;
  stride_ = bytes + 64;  // Blocks do not share cache sets.
  void* memory =
      ::mmap(nullptr, count * stride_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return -errno;
  memory_ = static_cast<char*>(memory);
  blocks_.resize(count);
  for (unsigned i = 0; i < count; ++i) {
    buffer::Block& block = blocks_[i];
    block.owner = this;
    block.data = memory_ + i * stride_;
    block.capacity = block.used = static_cast<std::uint32_t>(bytes);
    block.id = first_id + i;
    recycle(block);
  }
  return 0;
}

}  // namespace millrace::io
