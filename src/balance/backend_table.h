// What belongs to an address of applications, whatever routes and balancers name it, over all
// workers: how many connections there are against the most allowed, how many are kept idle, who
// waits for a place, and what the application is known to be.
//
// A place is the right to have one connection. Where places are limited (`max`, `slots`), requests
// that get none wait in one queue over all workers, first come first served; a place that becomes
// free goes to the first of them. The mutex is taken only by requests that wait and while some do.
//
// Invariants: open <= the limit, idle <= its limit, at every moment and on every thread; whoever
// got a place gives it back exactly once; a request that waits is granted a place or leaves, never
// both.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "config/config.h"

namespace millrace::balance {

// A request that waits, as its worker knows it.
struct Ticket {
  std::uint64_t number = 0;
  std::size_t worker = 0;
};

// What an application is, as far as it has told. A process that serves one connection at a time
// (PHP-FPM) must be proven free before its connection is used again; one that takes many requests
// on a connection need not. Alone: it has said that it takes many, and refused.
enum class Nature : std::uint8_t { Unknown, Silent, OneByOne, Multiplexing, Alone };

class BackendTable {
 public:
  explicit BackendTable(const config::Config& config);
  BackendTable(const BackendTable&) = delete;
  BackendTable& operator=(const BackendTable&) = delete;

  // The most connections, or processes, is configured.
  [[nodiscard]] bool bounded(std::size_t backend) const {
    return line(backend).open_max != UINT64_MAX;
  }

  // A place for a new connection; false: none is free, or others wait for one.
  [[nodiscard]] bool try_open(std::size_t backend);
  // Queues a request. Either a place is free after all: then it has it; or it waits with the
  // ticket.
  struct Queued {
    bool has_place = false;
    Ticket ticket;
  };
  [[nodiscard]] Queued wait(std::size_t backend, std::size_t worker);
  // A request that waits goes away. False: it has been granted a place meanwhile, of which its
  // worker hears soon.
  [[nodiscard]] bool leave(std::size_t backend, const Ticket& ticket);
  // A connection is gone. If somebody waits, the place is the first one's now: its worker must be
  // told.
  [[nodiscard]] std::optional<Ticket> closed(std::size_t backend);
  // A connection could serve another request. If the first who waits is of this worker, it is taken
  // off the queue: the connection is for that one.
  [[nodiscard]] std::optional<Ticket> take_first(std::size_t backend, std::size_t worker);
  [[nodiscard]] std::uint64_t waiting(std::size_t backend) const;

  // Before an open connection is kept without a request; false: close it instead. unkeep() when it
  // is used again or closed.
  [[nodiscard]] bool try_keep(std::size_t backend);
  void unkeep(std::size_t backend);

  // Requests that have waited too long for the first byte on a connection that has never answered:
  // a process may be held by a connection that is kept idle.
  void add_starving(std::size_t backend, std::int64_t change);
  [[nodiscard]] std::uint64_t starving(std::size_t backend) const;

  [[nodiscard]] Nature nature(std::size_t backend) const;
  void set_nature(std::size_t backend, Nature nature);
  void forget_nature(std::size_t backend);
  // The first connection that is to be asked for its nature; false: another was first.
  [[nodiscard]] bool begin_asking(std::size_t backend);
  // So many requests at once it takes on a connection, as it says (FCGI_MAX_REQS).
  [[nodiscard]] std::uint32_t requests_max(std::size_t backend) const;
  void set_requests_max(std::size_t backend, std::uint32_t most);

  [[nodiscard]] std::uint64_t open(std::size_t backend) const;
  [[nodiscard]] std::uint64_t idle(std::size_t backend) const;

 private:
  // One line of the processor's cache each, so that workers busy with different addresses do not
  // slow each other down; what is read for every request lies apart from what changes.
  struct alignas(64) Line {
    std::atomic<std::uint64_t> open{0};
    std::atomic<std::uint64_t> idle{0};
    std::uint64_t open_max = 0;
    std::uint64_t idle_max = 0;

    alignas(64) std::atomic<std::uint64_t> waiting{0};
    std::atomic<std::int64_t> starving{0};
    std::atomic<Nature> nature{Nature::Unknown};
    std::atomic<bool> asked{false};
    std::atomic<std::uint32_t> requests_max{UINT32_MAX};

    alignas(64) std::mutex mutex;
    std::deque<Ticket> queue;
    std::uint64_t next_number = 1;
  };

  [[nodiscard]] Line& line(std::size_t backend);
  [[nodiscard]] const Line& line(std::size_t backend) const;

  std::size_t count_;
  std::unique_ptr<Line[]> lines_;
};

}  // namespace millrace::balance
