#include "server/pid_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/fd.h"
#include "base/log.h"

namespace millrace::server {

std::string PidFile::write(const std::string& path) {
  if (path.empty()) return {};
  const base::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd.valid()) return path + ": " + std::strerror(errno);
  path_ = path;
  const std::string text = std::to_string(::getpid()) + "\n";
  if (::write(fd.get(), text.data(), text.size()) < 0) return path + ": " + std::strerror(errno);
  return {};
}

void PidFile::remove() {
  const std::string path = std::exchange(path_, {});
  if (path.empty() || ::unlink(path.c_str()) == 0 || errno == ENOENT) return;
  base::Log::write(base::Level::Warn, {},
                   path + ": the pid file cannot be removed: " + std::strerror(errno));
}

}  // namespace millrace::server
