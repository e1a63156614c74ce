// Text put together for one request, with views that stay good until clear(): blocks that are kept,
// so that nothing is allocated once the largest request has been seen.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "base/must.h"

namespace millrace::proxy {

class ScratchText {
 public:
  // Room for `bytes`; take() as much of it as was used, before anything else is asked for.
  [[nodiscard]] char* room(std::size_t bytes) {
    while (at_ == blocks_.size() || blocks_[at_].size - used_ < bytes) {
      next_block(bytes);
    }
    return blocks_[at_].data.get() + used_;
  }
  std::string_view take(std::size_t bytes) {
    MUST(at_ < blocks_.size() && blocks_[at_].size - used_ >= bytes);
    const char* begin = blocks_[at_].data.get() + used_;
    used_ += bytes;
    return {begin, bytes};
  }
  [[nodiscard]] std::string_view copy(std::string_view text) {
    char* to = room(text.size());
    std::copy(text.begin(), text.end(), to);
    return take(text.size());
  }
  // Ends all views.
  void clear() {
    at_ = 0;
    used_ = 0;
  }

 private:
  static constexpr std::size_t kBlock = std::size_t{16} * 1024;

  struct Block {
    std::unique_ptr<char[]> data;
    std::size_t size = 0;
  };

  void next_block(std::size_t bytes) {
    if (at_ < blocks_.size()) ++at_;
    used_ = 0;
    if (at_ < blocks_.size()) return;
    const std::size_t size = std::max(bytes, kBlock);
    blocks_.push_back({std::unique_ptr<char[]>(new char[size]), size});
  }

  std::vector<Block> blocks_;
  std::size_t at_ = 0;
  std::size_t used_ = 0;
};

}  // namespace millrace::proxy
