// Letters between workers: a place that has become free for a request of another worker, and the
// plea to give up idle connections because somebody waits. The only way that one worker's
// connections touch another's; what is written here is read by the other in its own turn. A worker
// that ends closes its box, so that no place stays in it for ever.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace millrace::upstream {

class Post {
 public:
  struct Grant {
    std::size_t backend = 0;
    std::uint64_t ticket = 0;
  };

  explicit Post(std::size_t workers) : boxes_(workers) {}
  Post(const Post&) = delete;
  Post& operator=(const Post&) = delete;
  ~Post() = default;

  [[nodiscard]] std::size_t workers() const { return boxes_.size(); }
  // How a worker is woken; before any letter is sent.
  void set_waker(std::size_t worker, std::function<void()> wake) {
    boxes_[worker].wake = std::move(wake);
  }

  // False: the worker has ended; the place is for somebody else.
  [[nodiscard]] bool grant(std::size_t worker, Grant grant);
  // All but `worker` look whether somebody waits for what they keep idle.
  void wake_others(std::size_t worker);

  // The worker's letters; empties its box.
  [[nodiscard]] std::vector<Grant> collect(std::size_t worker);
  // The same for the last time: from now on the box takes none.
  [[nodiscard]] std::vector<Grant> close(std::size_t worker);

 private:
  struct Box {
    std::function<void()> wake;
    std::mutex mutex;
    std::vector<Grant> grants;  // under mutex
    bool closed = false;        // under mutex
  };
  std::vector<Box> boxes_;
};

}  // namespace millrace::upstream
