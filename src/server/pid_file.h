// The file with the process's number. It is written while the process may still write everywhere,
// and removed at the latest when its owner goes, with the rights that are left then.
#pragma once

#include <string>

namespace millrace::server {

class PidFile {
 public:
  PidFile() = default;
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;
  ~PidFile() { remove(); }

  // An error's text, or nothing. Without a path there is no file.
  std::string write(const std::string& path);
  // A file that cannot be removed is told to the log.
  void remove();

 private:
  std::string path_;  // of a file that has been made
};

}  // namespace millrace::server
