#include "base/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <mutex>
#include <thread>
#include <utility>

namespace millrace::base {
namespace {

constexpr std::size_t kQueuedBytesMax = std::size_t{1} << 20;

constexpr std::string_view name_of(Level level) {
  switch (level) {
    case Level::Error:
      return "error";
    case Level::Warn:
      return "warn";
    case Level::Info:
      return "info";
    case Level::Debug:
      return "debug";
  }
  return "";
}

std::string line_of(Level level, std::string_view request_id, std::string_view text) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  gmtime_r(&now.tv_sec, &parts);
  std::array<char, 40> stamp{};
  const std::size_t size = std::strftime(stamp.data(), stamp.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(stamp.data() + size, stamp.size() - size, ".%03ldZ ", now.tv_nsec / 1'000'000);
  std::string line = stamp.data();
  line += '[';
  line += name_of(level);
  line += "] ";
  if (!request_id.empty()) {
    append_escaped(line, request_id);
    line += ' ';
  }
  append_escaped(line, text);
  line += '\n';
  return line;
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // A full disk loses lines; nothing better can be done with them.
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

class Writer {
 public:
  std::string start(std::string_view path, Level level) {
    path_ = path;
    if (path != "stderr") {
      fd_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
      if (fd_ < 0) return path_ + ": " + std::strerror(errno);
    }
    level_ = level;
    running_ = true;
    thread_ = std::thread([this] { run(); });
    return {};
  }

  void stop() {
    if (!running_) return;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
    running_ = false;
    stopping_ = false;
    if (fd_ != STDERR_FILENO) ::close(std::exchange(fd_, STDERR_FILENO));
  }

  void reopen() {
    {
      const std::lock_guard lock(mutex_);
      reopen_ = true;
    }
    wake_.notify_one();
  }

  [[nodiscard]] bool enabled(Level level) const {
    return level <= level_.load(std::memory_order_relaxed);
  }

  void add(std::string line) {
    if (!running_) return write_all(STDERR_FILENO, line);
    {
      const std::lock_guard lock(mutex_);
      if (queued_.size() + line.size() > kQueuedBytesMax) {
        ++lost_;
        return;
      }
      queued_ += line;
    }
    wake_.notify_one();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return stopping_ || reopen_ || !queued_.empty() || lost_ > 0; });
      std::string batch = std::exchange(queued_, {});
      const std::uint64_t lost = std::exchange(lost_, 0);
      const bool reopening = std::exchange(reopen_, false);
      if (stopping_ && batch.empty() && lost == 0) return;
      lock.unlock();
      write_all(fd_, batch);
      if (lost > 0) {
        write_all(fd_, line_of(Level::Warn, {}, std::to_string(lost) + " log lines were lost"));
      }
      if (reopening) open_again();
      lock.lock();
    }
  }

  void open_again() {
    if (path_ == "stderr") return;
    const int fd = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) {
      const std::string why = path_ + ": cannot be opened again, so the old file is used: ";
      return write_all(fd_, line_of(Level::Error, {}, why + std::strerror(errno)));
    }
    ::close(std::exchange(fd_, fd));
  }

  std::string path_ = "stderr";
  int fd_ = STDERR_FILENO;
  std::atomic<Level> level_{Level::Info};
  std::thread thread_;
  std::atomic<bool> running_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::string queued_;
  std::uint64_t lost_ = 0;
  bool stopping_ = false;
  bool reopen_ = false;
};

Writer& writer() {
  static Writer instance;
  return instance;
}

}  // namespace

std::string Log::start(std::string_view path, Level level) {
  return writer().start(path, level);
}
void Log::stop() {
  writer().stop();
}
void Log::reopen() {
  writer().reopen();
}
bool Log::enabled(Level level) {
  return writer().enabled(level);
}

void Log::write(Level level, std::string_view request_id, std::string_view text) {
  if (enabled(level)) writer().add(line_of(level, request_id, text));
}

void append_escaped(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte <= 0x7e && c != '\\') {
      out += c;
      continue;
    }
    out += "\\x";
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
}

}  // namespace millrace::base
