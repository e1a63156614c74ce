// A slab of equal objects with a free list. It grows by whole chunks and never shrinks, so a worker
// that has seen its peak load allocates no more. One thread only. Objects must be given back before
// the slab dies: an object that is still out then is a bug of ours.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "base/must.h"

namespace millrace::base {

template <typename T>
class Slab {
 public:
  explicit Slab(std::size_t chunk_objects = 64) : chunk_objects_(chunk_objects) {}
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() { MUST(in_use_ == 0); }

  template <typename... Args>
  [[nodiscard]] T* make(Args&&... args) {
    if (free_ == nullptr) grow();
    Cell* cell = free_;
    free_ = cell->next;
    ++in_use_;
    return new (cell->bytes) T(std::forward<Args>(args)...);
  }
  void destroy(T* object) {
    object->~T();
    auto* cell = reinterpret_cast<Cell*>(object);
    cell->next = free_;
    free_ = cell;
    --in_use_;
  }
  [[nodiscard]] std::size_t in_use() const { return in_use_; }

 private:
  union Cell {
    Cell* next;
    alignas(T) std::byte bytes[sizeof(T)];
  };
  void grow() {
    chunks_.push_back(std::make_unique_for_overwrite<Cell[]>(chunk_objects_));
    for (std::size_t i = chunk_objects_; i-- > 0;) {
      chunks_.back()[i].next = free_;
      free_ = &chunks_.back()[i];
    }
  }

  std::size_t chunk_objects_;
  std::size_t in_use_ = 0;
  Cell* free_ = nullptr;
  std::vector<std::unique_ptr<Cell[]>> chunks_;
};

}  // namespace millrace::base
