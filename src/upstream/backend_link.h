// What a request has of a connection to an application: all of it, or one of the requests that
// share it. And what it hears from there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fcgi/record_reader.h"
#include "io/stream.h"

namespace millrace::upstream {

// How a connection failed a request that it carried.
enum class BackendFailure : std::uint8_t {
  Refused,     // connecting failed at once
  Unsent,      // it had broken before a byte of the request was taken
  Unanswered,  // it ended, or broke, before a byte of an answer
  Died,        // the same, inside the answer
  Protocol,    // what came is not FastCGI
  Spool,       // the answer could not be kept for its slow client
};

// Told from the loop only.
class BackendUser {
 public:
  virtual void on_backend_open() = 0;
  // A piece of STDOUT, not empty.
  virtual void on_stdout(buffer::Slice content) = 0;
  virtual void on_stdout_end() = 0;
  virtual void on_stderr(std::string_view content) = 0;
  // The application has ended the request. The link is no longer the user's.
  virtual void on_request_end(fcgi::EndRequest end) = 0;
  // The request is lost, and the link no longer the user's. `reason` is a constant, for the log;
  // `error` an errno, or 0.
  virtual void on_backend_failed(BackendFailure failure, std::string_view reason, int error) = 0;
  // All bytes that came at once have been handed over.
  virtual void on_backend_pause() = 0;
  // Some of what was to be sent has left.
  virtual void on_backend_sent() = 0;

 protected:
  ~BackendUser() = default;
};

// How a member's connections are used.
struct Manner {
  std::size_t share = 0;  // so many requests on one, where the application can
  bool keep = true;       // KEEP_CONN, and used again
  bool probe = true;      // proven free before that
  bool careful = false;   // also as long as it is not known whether that is needed
};

class BackendLink {
 public:
  BackendLink(const BackendLink&) = delete;
  BackendLink& operator=(const BackendLink&) = delete;

  // A request can begin; else on_backend_open() will tell.
  [[nodiscard]] virtual bool ready() const = 0;
  // Once, when ready: the caller has written a request's first records, with this id, into out().
  virtual void begin_request(Manner manner) = 0;
  [[nodiscard]] std::uint16_t id() const { return id_; }
  // Where the request's records go; call flush() after appending.
  [[nodiscard]] buffer::Chain& out() { return socket_.out(); }
  void flush() { socket_.flush(); }
  // All of STDIN has been written, its end included.
  void input_complete() { input_complete_ = true; }
  // STDOUT is not wanted for now; pieces may still come.
  virtual void pause() = 0;
  virtual void resume() = 0;
  // What it carries lasts: the end of the connection's stream is not missed.
  void watch() { socket_.watch_hangup(); }
  // The user needs nothing more of the request, whose end is awaited so that the connection can be
  // used again.
  virtual void detach() = 0;
  // The user goes, and the request is given up. `drain`: a connection of its own is kept until the
  // application has ended it all the same; else it is closed.
  virtual void abort(bool drain) = 0;
  // The connection has served a request before the one that it carries.
  [[nodiscard]] virtual bool reused() const = 0;

 protected:
  BackendLink(io::Stream& stream, std::uint16_t id) : socket_(stream), id_(id) {}
  ~BackendLink() = default;

  io::Stream& socket_;
  const std::uint16_t id_;
  bool input_complete_ = false;
};

}  // namespace millrace::upstream
