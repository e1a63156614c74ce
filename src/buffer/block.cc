#include "buffer/block.h"

#include <cstring>
#include <new>

namespace millrace::buffer {
namespace {

constexpr std::uint32_t kHeap = 1;  // Block::id of a block that is freed rather than kept.

}  // namespace

// A block's header lies in front of its bytes.
Block& BlockPool::allocate(std::size_t bytes) {
  ++in_use_;
  if (bytes > kBlockBytes) {
    auto* memory = static_cast<char*>(::operator new(sizeof(Block) + bytes));
    auto* block = new (memory) Block;
    block->owner = this;
    block->data = memory + sizeof(Block);
    block->capacity = static_cast<std::uint32_t>(bytes);
    block->id = kHeap;
    return *block;
  }
  if (free_.empty()) {
    constexpr std::size_t kStride = sizeof(Block) + kBlockBytes;
    constexpr std::size_t kBatch = 16;
    memory_.push_back(std::make_unique_for_overwrite<char[]>(kStride * kBatch));
    free_.reserve(memory_.size() * kBatch);
    for (std::size_t i = 0; i < kBatch; ++i) {
      char* at = memory_.back().get() + i * kStride;
      auto* block = new (at) Block;
      block->owner = this;
      block->data = at + sizeof(Block);
      block->capacity = kBlockBytes;
      free_.push_back(block);
    }
  }
  Block* block = free_.back();
  free_.pop_back();
  block->used = 0;
  return *block;
}

Slice BlockPool::copy(std::string_view text) {
  Block& block = allocate(text.size());
  std::memcpy(block.data, text.data(), text.size());
  block.used = block.capacity;  // Nothing is appended to it.
  return {block, {block.data, text.size()}};
}

void BlockPool::recycle(Block& block) noexcept {
  --in_use_;
  if (block.id == kHeap) {
    ::operator delete(static_cast<void*>(&block));
    return;
  }
  free_.push_back(&block);
}

}  // namespace millrace::buffer
