#include "upstream/post.h"

#include <utility>

namespace millrace::upstream {

bool Post::grant(std::size_t worker, Grant grant) {
  Box& box = boxes_[worker];
  {
    const std::lock_guard lock(box.mutex);
    if (box.closed) return false;
    box.grants.push_back(grant);
  }
  box.wake();
  return true;
}

void Post::wake_others(std::size_t worker) {
  for (std::size_t i = 0; i < boxes_.size(); ++i) {
    if (i != worker && boxes_[i].wake) boxes_[i].wake();
  }
}

std::vector<Post::Grant> Post::collect(std::size_t worker) {
  Box& box = boxes_[worker];
  const std::lock_guard lock(box.mutex);
  return std::exchange(box.grants, {});
}

std::vector<Post::Grant> Post::close(std::size_t worker) {
  Box& box = boxes_[worker];
  const std::lock_guard lock(box.mutex);
  box.closed = true;
  return std::exchange(box.grants, {});
}

}  // namespace millrace::upstream
