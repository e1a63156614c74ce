#include "server/worker.h"

#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/log.h"

namespace millrace::server {
namespace {

using io::Millis;

constexpr Millis kTurnMax{1'000};

Millis monotonic_now() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<Millis>(now);
}

void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
}

}  // namespace

Worker::Worker(Setting setting, Events events)
    : setting_(std::move(setting)),
      events_(std::move(events)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  setting_.snapshot->post().set_waker(setting_.index, [this] { wake(); });
}

Worker::~Worker() {
  join();
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::start() {
  thread_ = std::thread([this] { run(); });
}

void Worker::order(Order order) {
  order_.store(order, std::memory_order_release);
  wake();
}

void Worker::wake() {
  const std::uint64_t one = 1;
  static_cast<void>(!::write(wake_.get(), &one, sizeof one));
}

void Worker::run() {
  if (setting_.cpu >= 0) pin_to(setting_.cpu);
  {
    buffer::BlockPool spare;  // outlives the ring that copies into it
    auto ring = io::make_uring_ring(setting_.features, spare);
    if (!ring.ok()) {
      events_.started(ring.error());
    } else {
      io::Loop loop(*ring.value(), monotonic_now());
      serve(*ring.value(), loop);
    }
  }
  events_.ended();
}

// One turn after the other, until an order to end has been carried out.
void Worker::serve(io::Ring& ring, io::Loop& loop) {
  proxy::Proxy proxy(loop, setting_.index, setting_.snapshot, *this);
  proxy_ = &proxy;
  std::deque<Acceptor> acceptors;
  for (std::size_t i = 0; i < setting_.sockets->count(); ++i) {
    acceptors.emplace_back(loop, proxy, *setting_.gate, setting_.sockets->take(i, setting_.index),
                           i);
    acceptors.back().start();
  }
  acceptors_ = &acceptors;
  ring.after_wait = [&loop] { loop.timers.set_now(monotonic_now()); };
  ring_ = &ring;
  ring.watch_readable(woken_, wake_.get());
  ring.turn(Millis(0));
  events_.started({});
  while (true) {
    obey(order_.load(std::memory_order_acquire));
    const bool accepting_over = std::ranges::all_of(acceptors, &Acceptor::over);
    if (obeyed_ != Order::None && accepting_over && proxy.over()) break;
    loop.turn(kTurnMax);
    loop.timers.advance(monotonic_now());
  }
  ending_ = true;
  if (woken_.in_flight()) ring.cancel(woken_);
  while (woken_.in_flight()) {
    loop.turn(kTurnMax);
  }
  acceptors_ = nullptr;
  proxy_ = nullptr;
}

void Worker::obey(Order order) {
  if (order == obeyed_) return;
  obeyed_ = order;
  // First, so that what is still accepted from the backlog is treated like the others.
  if (order == Order::Drain) proxy_->drain();
  if (order == Order::Stop) proxy_->stop();
  for (Acceptor& acceptor : *acceptors_) {
    acceptor.stop();
  }
}

void Worker::on_woken(io::Completion& done) {
  if (done.failed() || ending_) return;
  std::uint64_t count = 0;
  static_cast<void>(!::read(wake_.get(), &count, sizeof count));
  proxy_->on_woken();
  ring_->watch_readable(woken_, wake_.get());
}

void Worker::on_client_gone() {
  setting_.gate->leave();
  for (Acceptor& acceptor : *acceptors_) {
    acceptor.on_room();
  }
}

}  // namespace millrace::server
