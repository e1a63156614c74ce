#include "io/temporary_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

namespace millrace::io {
namespace {

// O_EXCL: nor can it be given a name later.
int open_in(const char* directory) {
  const int fd = ::open(directory, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) return fd;
  // EISDIR is said by kernels, and EOPNOTSUPP by file systems, that know no O_TMPFILE.
  if (errno != EOPNOTSUPP && errno != EISDIR) return -errno;
  std::string name = std::string(directory) + "/millrace-XXXXXX";
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named < 0) return -errno;
  ::unlink(name.c_str());
  return named;
}

}  // namespace

int open_temporary_file() {
  const char* chosen = ::getenv("TMPDIR");
  if (chosen != nullptr && *chosen != '\0') return open_in(chosen);
  const int fd = open_in("/var/tmp");
  return fd >= 0 ? fd : open_in("/tmp");
}

}  // namespace millrace::io
