// One thread: a ring, and all that lives on it. Pinned to a core. Other threads talk to it by an
// order and an event descriptor.
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/fd.h"
#include "io/loop.h"
#include "io/uring_ring.h"
#include "proxy/proxy.h"
#include "server/acceptor.h"
#include "server/sockets.h"

namespace millrace::server {

class Worker final : private proxy::Proxy::Listener {
 public:
  struct Setting {
    std::size_t index = 0;
    int cpu = -1;  // pinned to it; -1: not pinned
    io::Features features;
    std::shared_ptr<proxy::Snapshot> snapshot;
    const Sockets* sockets = nullptr;
    Gate* gate = nullptr;
  };
  // Told from the worker's thread: once when it accepts (or could not start: with an error's text),
  // and once when it has ended.
  struct Events {
    std::function<void(std::string error)> started;
    std::function<void()> ended;
  };

  Worker(Setting setting, Events events);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();  // Waits for the thread.

  void start();
  // Waits for the thread. All workers are joined before the first is destroyed: they wake each
  // other.
  void join();
  // Any thread. Drain: no new connections, requests in flight are finished. Stop: everything is
  // closed.
  void drain() { order(Order::Drain); }
  void stop() { order(Order::Stop); }

 private:
  enum class Order : std::uint8_t { None, Drain, Stop };

  void order(Order order);
  void wake();
  void run();
  void serve(io::Ring& ring, io::Loop& loop);
  void obey(Order order);
  void on_woken(io::Completion& done);
  void on_client_gone() override;

  Setting setting_;
  Events events_;
  base::UniqueFd wake_;
  std::atomic<Order> order_{Order::None};
  std::thread thread_;

  // Of the thread, while it serves.
  Order obeyed_ = Order::None;
  std::deque<Acceptor>* acceptors_ = nullptr;
  io::Ring* ring_ = nullptr;
  bool ending_ = false;
  proxy::Proxy* proxy_ = nullptr;
  io::Op woken_ = io::Op::to<&Worker::on_woken>(this);
};

}  // namespace millrace::server
