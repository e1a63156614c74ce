#include "server/supervisor.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "io/uring_ring.h"
#include "proxy/snapshot.h"
#include "server/pid_file.h"
#include "server/process.h"
#include "server/worker.h"

namespace millrace::server {
namespace {

using base::Level;
using base::Log;

// Descriptors that are not for clients: listeners, logs, connections to the applications.
constexpr std::uint64_t kReserveMin = 64;

int fail(const std::string& error) {
  fmt::print(stderr, "millrace: {}\n", error);
  return 1;
}

std::uint64_t connections_max(const config::Server& server, std::uint64_t descriptors) {
  const std::uint64_t reserve = std::min(descriptors / 2, std::max(kReserveMin, descriptors / 16));
  const std::uint64_t allowed = descriptors - reserve;
  if (server.max_connections == 0) return allowed;
  if (server.max_connections > allowed) {
    Log::write(
        Level::Warn, {},
        fmt::format("max_connections is lowered from {} to {}: the limit of descriptors is {}",
                    server.max_connections, allowed, descriptors));
  }
  return std::min(server.max_connections, allowed);
}

class Supervisor {
 public:
  Supervisor(std::shared_ptr<proxy::Snapshot> snapshot, Sockets sockets, std::size_t workers,
             io::Features features)
      : snapshot_(std::move(snapshot)), sockets_(std::move(sockets)), features_(features) {
    gate_.max = connections_max(snapshot_->config().server, raise_descriptor_limit());
    const std::vector<int> cpus = usable_cpus();
    for (std::size_t i = 0; i < workers; ++i) {
      const int cpu = cpus.empty() ? -1 : cpus[i % cpus.size()];
      workers_.push_back(std::make_unique<Worker>(
          Worker::Setting{.index = i,
                          .cpu = cpu,
                          .features = features_,
                          .snapshot = snapshot_,
                          .sockets = &sockets_,
                          .gate = &gate_},
          Worker::Events{.started = [this](std::string error) { on_started(std::move(error)); },
                         .ended = [this] { on_ended(); }}));
    }
  }

  int run(const std::function<void(const Sockets&)>& ready) {
    for (const auto& worker : workers_) {
      worker->start();
    }
    wait_for_signals(ready);
    for (const auto& worker : workers_) {
      worker->stop();
    }
    for (const auto& worker : workers_) {
      worker->join();
    }
    workers_.clear();
    const std::lock_guard lock(mutex_);
    return error_.empty() ? 0 : fail(error_);
  }

 private:
  void on_started(std::string error) {
    {
      const std::lock_guard lock(mutex_);
      ++started_;
      if (error_.empty()) error_ = std::move(error);
    }
    ::kill(::getpid(), kWakeSignal);
  }

  void on_ended() {
    ++ended_;
    ::kill(::getpid(), kWakeSignal);
  }

  void wait_for_signals(const std::function<void(const Sockets&)>& ready) {
    bool announced = false;
    while (ended_ < workers_.size()) {
      const int signal = next_signal();
      if (!announced && all_started()) {
        announced = true;
        ready(sockets_);
      }
      if (signal == SIGINT || has_error()) return;
      if (signal == SIGTERM || signal == SIGQUIT) drain();
      if (signal == SIGUSR1) Log::reopen();
      if (signal == 0) {
        Log::write(Level::Warn, {}, "shutdown_timeout is over: requests in flight are cut off");
        return;
      }
      if (signal == SIGHUP) {
        Log::write(Level::Warn, {}, "reloading is not supported yet; the configuration stays");
      }
    }
  }

  // 0: the time for a graceful stop is over.
  int next_signal() {
    if (!draining_) {
      int signal = 0;
      return sigwait(&signals_, &signal) == 0 ? signal : kWakeSignal;
    }
    const auto left = deadline_ - std::chrono::steady_clock::now();
    if (left <= left.zero()) return 0;
    const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
    const timespec wait{.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
    const int signal = sigtimedwait(&signals_, nullptr, &wait);
    if (signal > 0) return signal;
    return errno == EAGAIN ? 0 : kWakeSignal;
  }

  void drain() {
    if (draining_) return;
    draining_ = true;
    notify_systemd("STOPPING=1");
    const config::Millis timeout = snapshot_->config().server.shutdown_timeout;
    deadline_ = timeout > config::Millis(0) ? std::chrono::steady_clock::now() + timeout
                                            : std::chrono::steady_clock::time_point::max();
    for (const auto& worker : workers_) {
      worker->drain();
    }
  }

  bool all_started() {
    const std::lock_guard lock(mutex_);
    return started_ == workers_.size() && error_.empty();
  }
  bool has_error() {
    const std::lock_guard lock(mutex_);
    return !error_.empty();
  }

  std::shared_ptr<proxy::Snapshot> snapshot_;
  Sockets sockets_;
  io::Features features_;
  Gate gate_;
  std::vector<std::unique_ptr<Worker>> workers_;
  const sigset_t signals_ = handled_signals();
  std::mutex mutex_;
  std::string error_;        // under mutex_
  std::size_t started_ = 0;  // under mutex_
  std::atomic<std::size_t> ended_{0};
  bool draining_ = false;
  std::chrono::steady_clock::time_point deadline_;
};

int run_workers(config::Config config, Sockets sockets, std::size_t workers, io::Features features,
                const std::function<void(const Sockets&)>& ready) {
  auto snapshot = proxy::Snapshot::make(std::move(config), workers);
  if (!snapshot.ok()) return fail(snapshot.error());
  Log::write(Level::Info, {},
             fmt::format("workers: {}, vectorized send: {}, receive credit: {}", workers,
                         features.vectorized_send, features.receive_credit));
  Supervisor supervisor(snapshot.value(), std::move(sockets), workers, features);
  return supervisor.run(ready);
}

}  // namespace

int serve(config::Config config, const std::function<void(const Sockets&)>& ready) {
  block_signals();
  const auto features = io::probe_features();
  if (!features.ok()) return fail(features.error());
  const std::size_t workers = config.server.workers > 0
                                  ? config.server.workers
                                  : std::max<std::size_t>(1, usable_cpus().size());
  auto sockets = Sockets::open(config, workers);
  if (!sockets.ok()) return fail(sockets.error());
  PidFile pid_file;
  std::string error = pid_file.write(config.server.pid_file);
  if (error.empty()) {
    error = Log::start(config.log.error, static_cast<Level>(config.log.level));
  }
  if (!error.empty()) return fail(error);
  error = drop_privileges(config.server);
  const int status = error.empty() ? run_workers(std::move(config), std::move(sockets.value()),
                                                 workers, features.value(), ready)
                                   : fail(error);
  pid_file.remove();
  Log::stop();
  return status;
}

}  // namespace millrace::server
