// Counters that belong to an address of applications, whatever routes and balancers name it: open
// connections against `max` and kept idle ones against `idle`, over all workers together.
//
// Invariants: open <= max where there is one, idle <= its limit, at every moment and on every
// thread; whoever got a yes gives it back exactly once.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "config/config.h"

namespace millrace::balance {

class BackendTable {
 public:
  explicit BackendTable(const config::Config& config);
  BackendTable(const BackendTable&) = delete;
  BackendTable& operator=(const BackendTable&) = delete;

  // Before a connection is opened; false: `max` is reached. closed() after it is gone, or when it
  // could not be opened.
  [[nodiscard]] bool try_open(std::size_t backend);
  void closed(std::size_t backend);

  // Before an open connection is kept without a request; false: close it instead. unkeep() when it
  // is used again or closed.
  [[nodiscard]] bool try_keep(std::size_t backend);
  void unkeep(std::size_t backend);

  [[nodiscard]] std::uint64_t open(std::size_t backend) const;
  [[nodiscard]] std::uint64_t idle(std::size_t backend) const;

 private:
  // One line of the processor's cache each, so that workers busy with different addresses do not
  // slow each other down.
  struct alignas(64) Line {
    std::atomic<std::uint64_t> open{0};
    std::atomic<std::uint64_t> idle{0};
    std::uint64_t open_max = 0;  // the highest number where there is no limit
    std::uint64_t idle_max = 0;
  };

  Line& line(std::size_t backend);
  [[nodiscard]] const Line& line(std::size_t backend) const;

  std::size_t count_;
  std::unique_ptr<Line[]> lines_;
};

}  // namespace millrace::balance
