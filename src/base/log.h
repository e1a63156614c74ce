// The error log. A worker never waits for it: lines go into a bounded queue, a thread of its own
// writes them, and lines that found the queue full are counted and reported when there is room
// again. Before start() and after stop() lines are written at once, to standard error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::base {

enum class Level : std::uint8_t { Error, Warn, Info, Debug };

class Log {
 public:
  // Starts the writer: `path` is "stderr" or a file that is appended to. Returns an error's text,
  // or nothing. Called once, before the workers run.
  static std::string start(std::string_view path, Level level);
  // Writes what is queued and ends the writer.
  static void stop();
  // Opens the file again, for log rotation. Where that is not possible, the old file goes on, with
  // a line that says so.
  static void reopen();

  [[nodiscard]] static bool enabled(Level level);
  // One line; control bytes in `text` are escaped as \xNN, so that nothing a peer sends can forge a
  // line. `request_id` may be empty. Any thread.
  static void write(Level level, std::string_view request_id, std::string_view text);
};

// Appends `text` with control bytes, backslashes and bytes over 0x7e escaped as \xNN.
void append_escaped(std::string& out, std::string_view text);

}  // namespace millrace::base
