// Where bytes in transit live. A Block is a run of memory with a count of the Slices that refer to
// it; the last one to go gives it back to its owner: the worker's BlockPool for what we write, the
// ring for what the kernel received. One thread only, so the count is plain.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/must.h"
#include "base/slab.h"

namespace millrace::buffer {

struct Block;

class BlockOwner {
 public:
  virtual void recycle(Block& block) noexcept = 0;

 protected:
  ~BlockOwner() = default;
};

struct Block {
  BlockOwner* owner = nullptr;
  char* data = nullptr;
  std::uint32_t references = 0;
  std::uint32_t capacity = 0;
  std::uint32_t used = 0;  // Bytes written so far; a Chain appends here.
  std::uint32_t id = 0;    // The owner's own.
};

// A counted view of part of a block.
class Slice {
 public:
  Slice() = default;
  // Takes a reference. Nothing of the block, at its start.
  explicit Slice(Block& block) : Slice(block, std::string_view(block.data, block.data)) {}
  // Takes a reference. `text` lies in the block.
  Slice(Block& block, std::string_view text)
      : block_(&block), data_(text.data()), size_(static_cast<std::uint32_t>(text.size())) {
    ++block.references;
  }
  Slice(Slice&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  Slice& operator=(Slice&& other) noexcept {
    if (this == &other) return *this;
    drop();
    block_ = std::exchange(other.block_, nullptr);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }
  Slice(const Slice& other) : block_(other.block_), data_(other.data_), size_(other.size_) {
    if (block_ != nullptr) ++block_->references;
  }
  Slice& operator=(const Slice& other) {
    if (this != &other) *this = Slice(other);
    return *this;
  }
  ~Slice() { drop(); }

  [[nodiscard]] std::string_view text() const { return {data_, size_}; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  // The part that `text`, a view into this slice, covers.
  [[nodiscard]] Slice part(std::string_view text) const {
    MUST(block_ != nullptr && text.data() >= data_ && text.data() + text.size() <= data_ + size_);
    return {*block_, text};
  }
  void remove_prefix(std::size_t bytes) {
    MUST(bytes <= size_);
    data_ += bytes;
    size_ -= static_cast<std::uint32_t>(bytes);
  }

 private:
  friend class Chain;
  void drop() {
    if (block_ != nullptr && --block_->references == 0) block_->owner->recycle(*block_);
  }

  Block* block_ = nullptr;
  const char* data_ = nullptr;
  std::uint32_t size_ = 0;
};

// One link of a Chain.
struct Segment {
  Slice slice;
  Segment* next = nullptr;
};

// The blocks that a worker writes into: 4 KiB ones from a free list, larger ones from the heap. It
// also holds the links of all chains. It never shrinks, so a warm worker allocates nothing.
class BlockPool final : public BlockOwner {
 public:
  static constexpr std::size_t kBlockBytes = 4096;

  BlockPool() = default;
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool() = default;

  // A block with room for at least `bytes`, not referred to yet.
  [[nodiscard]] Block& allocate(std::size_t bytes);
  // A copy of `text` in a block of its own.
  [[nodiscard]] Slice copy(std::string_view text);
  void recycle(Block& block) noexcept override;

  base::Slab<Segment>& segments() { return segments_; }
  [[nodiscard]] std::size_t blocks_in_use() const { return in_use_; }

 private:
  std::vector<Block*> free_;
  std::vector<std::unique_ptr<char[]>> memory_;
  std::size_t in_use_ = 0;
  base::Slab<Segment> segments_{256};
};

}  // namespace millrace::buffer
