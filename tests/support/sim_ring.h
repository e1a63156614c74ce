// A kernel for tests, by hand: nothing completes until the test says so, with the result it says.
// Meanwhile the ownership rules of io/op.h are checked by machine:
//
// - what is being sent or written is copied at the start and compared at the end, and so is the
// memory
//   that is being read into;
// - a block that nobody holds any more is filled with 0xDD;
// - one send and one receive at a time on a socket, and a close finds no other operation on it.
//
// Temporary files are strings.
//
// SimNet is built on this class: there sockets, peers and chance decide what completes.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "buffer/block.h"
#include "buffer/chain.h"
#include "io/ring.h"

namespace millrace::testing {

using io::Fd;
using io::Millis;

class SimRing : public io::Ring, private buffer::BlockOwner {
 public:
  enum class Kind : std::uint8_t { Connect, Receive, Send, Hangup, Readable, Close, Write, Read };

  // Blocks of the receive ring: how many, and how large.
  explicit SimRing(std::size_t blocks = 64, std::size_t block_bytes = 4096);
  ~SimRing() override;

  Fd open_socket(const io::SocketAddress& address) override;
  io::SocketAddress remote_address(Fd fd) override;
  io::SocketAddress local_address(Fd fd) override;
  std::uint64_t taken_by_peer(Fd /*fd*/) override { return taken; }
  void end_sending(Fd fd) override;
  void reset_when_closed(Fd fd) override;
  Fd accept(Fd listener) override;
  void connect(io::Op& op, Fd fd, const io::SocketAddress& address) override;
  void receive(io::Op& op, Fd fd, io::BlockSize blocks) override;
  void send(io::Op& op, Fd fd, const buffer::Chain& bytes) override;
  void watch_hangup(io::Op& op, Fd fd) override;
  void watch_readable(io::Op& op, Fd fd) override;
  Fd open_temporary() override;
  void write(io::Op& op, Fd file, const buffer::Chain& bytes, std::uint64_t offset) override;
  void read(io::Op& op, Fd file, std::span<const iovec> into, std::uint64_t offset) override;
  void close(io::Op& op, Fd fd) override;
  void cancel(io::Op& op) override;
  void turn(std::optional<Millis> wait) override;

  std::uint64_t taken = 0;  // what taken_by_peer() says

  // By hand. Each completes the oldest operation of that kind, on `fd` if one is named.
  void complete(Kind kind, int result, bool more = false, Fd fd = io::kNoFd);
  // A receive; `more`: the multishot goes on. Bytes must fit into a block.
  void complete_receive(std::string_view bytes, bool more = true, Fd fd = io::kNoFd);
  // A send, whole; returns what was sent.
  std::string complete_send(Fd fd = io::kNoFd);
  // A write or a read of a file: as much as is asked for and there, but `most` bytes at most.
  void complete_file(Kind kind, std::size_t most = SIZE_MAX, Fd fd = io::kNoFd);
  // From now on no file can be made, for that reason; 0: it can.
  void refuse_files(int error) { file_error_ = error; }
  // The same for sockets.
  void refuse_sockets(int error) { socket_error_ = error; }

  [[nodiscard]] bool pending(Kind kind, Fd fd = io::kNoFd) const;
  [[nodiscard]] bool cancelled(Kind kind, Fd fd = io::kNoFd) const;
  [[nodiscard]] std::uint32_t credit(Fd fd = io::kNoFd) const;  // of the receive
  [[nodiscard]] std::size_t in_flight() const { return requests_.size(); }
  [[nodiscard]] bool sending_ended(Fd fd) const;
  [[nodiscard]] bool resets(Fd fd) const;
  // All temporary files, that of the lowest descriptor first; a closed one is gone.
  [[nodiscard]] const std::map<Fd, std::string>& files() const { return files_; }
  // Blocks of the receive ring that somebody holds.
  [[nodiscard]] std::size_t blocks_out() const { return blocks_.size() - free_.size(); }
  [[nodiscard]] std::size_t block_bytes() const { return block_bytes_; }

 protected:
  struct Request {
    Kind kind = Kind::Close;
    io::Op* op = nullptr;
    Fd fd = io::kNoFd;
    std::uint32_t credit = 0;                    // of a receive
    const io::SocketAddress* address = nullptr;  // of a connect
    std::uint64_t offset = 0;                    // in a file
    std::vector<iovec> pinned;                   // of a send, a write, a read
    std::string copy;                            // the same bytes as they were at the start
    bool cancelled = false;
    // For SimNet.
    std::size_t moved = 0;     // bytes sent or received so far
    Millis ready{0};           // completes then at the earliest
    bool held = false;         // has been delayed
    bool posted = false;       // its final completion is on its way to the owner
    bool cancel_lost = false;  // completes once more before it is cancelled
    bool deaf = false;         // of a receive: will hear of nothing any more
  };

  [[nodiscard]] std::vector<Request>& requests() { return requests_; }
  [[nodiscard]] std::size_t free_blocks() const { return free_.size(); }
  [[nodiscard]] const Request* find(Kind kind, Fd fd) const;
  // Fills a block; nothing where none is left. `bytes` fit into one.
  std::optional<buffer::Slice> fill_block(std::string_view bytes);
  // Checks and removes a request that is final.
  void retire(std::size_t index);
  static void check_pins(const Request& request);
  // Moves the bytes of a write or a read, at most so many, and says how many these were.
  std::size_t carry_out(Request& request, std::size_t most);
  // A close takes place: true where `fd` was a file.
  bool close_file(Fd fd) { return files_.erase(fd) > 0; }
  static void hand_over(io::Op& op, io::Completion done) { deliver(op, std::move(done)); }

 private:
  // What is set at a socket rather than done with it.
  struct Mark {
    Fd fd = io::kNoFd;
    bool sending_ended = false;
    bool resets = false;
  };

  Request& add(Kind kind, io::Op& op, Fd fd);
  static void pin(Request& request, const buffer::Chain& bytes);
  std::size_t index_of(Kind kind, Fd fd) const;
  Mark& mark(Fd fd);
  void recycle(buffer::Block& block) noexcept override;

  std::vector<Request> requests_;
  std::vector<Mark> marks_;
  std::map<Fd, std::string> files_;
  int file_error_ = 0;
  int socket_error_ = 0;
  std::size_t block_bytes_;
  std::unique_ptr<char[]> memory_;
  std::vector<buffer::Block> blocks_;
  std::vector<buffer::Block*> free_;
  Fd next_fd_ = 1'000'000;  // Never the number of a real descriptor.
};

}  // namespace millrace::testing
