// A body that is kept for later, in constant memory: some of it in blocks, and what does not fit
// there in a temporary file, which is written and read through the ring.
//
//     0               taken            filed                 size
//     +-----------------+----------------+---------------------+
//     |            in the file           |  tail: in memory    |  <- append()
//     +-----------------+----------------+---------------------+
//                       |  <- take(), from the file and then from memory
//
// Bytes are copied in, since a received block that is kept would be missed by the others; they
// reach the file many at a time, and stay in memory until they are there. One write and one read at
// most are in the kernel's hands. What was appended can be taken again from the beginning.
//
//     Open ----------> Closing ------> (destroyed)
//           close()             the operations have come back, the file is closed
//
// The kernel may be reading or filling a spool's memory when its user goes. So a spool is not a
// member of its user: it lives in Spools, and after close() it goes by itself once the kernel is
// done.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/slab.h"
#include "buffer/chain.h"
#include "io/stream.h"

namespace millrace::io {

class Spools;

class Spool {
 public:
  static constexpr std::size_t kMemoryMax = std::size_t{64} * 1024;  // more goes to the file
  // So much may wait for the file, beyond that.
  static constexpr std::size_t kUnfiledMax = std::size_t{192} * 1024;
  static constexpr std::size_t kPieceBytes = std::size_t{64} * 1024;  // of one read

  // Told from the loop only, last of all: may call any function of the spool.
  class User {
   public:
    // More can be appended, or more can be taken.
    virtual void on_spool_moved() = 0;
    // The file cannot be written or read, for that errno. Told once. Nothing more can be taken.
    virtual void on_spool_failed(int error) = 0;

   protected:
    ~User() = default;
  };

  Spool(Spools& spools, Loop& loop, User& user, std::size_t memory_max);

  // False: no file could be made, for the errno that error() says, and the spool has failed.
  [[nodiscard]] bool append(std::string_view bytes);
  [[nodiscard]] bool wants_more() const;
  // All of it has been appended. A write that fails from now on costs memory and nothing else.
  void end() { ended_ = true; }

  // Moves what is at hand to `into`; more than a piece only where all of it is in memory. Tells
  // when there is more, unless all() is true.
  void take(buffer::Chain& into);
  // All that was appended has been taken.
  [[nodiscard]] bool all() const { return taken_ == size_; }
  // What is taken next is the beginning.
  void rewind();

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] int error() const { return error_; }
  // The user goes. The spool must not be touched any more.
  void close();

 private:
  void on_written(Completion& done);
  void on_read(Completion& done);
  void on_file_closed(Completion& done);

  void start_write();
  void start_read();
  void finish_closing();
  void fail(int error);

  Spools& spools_;
  Loop& loop_;
  User* user_;  // null in Closing
  std::size_t memory_max_;
  buffer::Chain tail_;                                     // its front is being written, perhaps
  buffer::Chain read_;                                     // out of the file, not taken yet
  std::array<buffer::Slice, Ring::kReadVectors> reading_;  // what the kernel fills
  Op write_op_ = Op::to<&Spool::on_written>(this);
  Op read_op_ = Op::to<&Spool::on_read>(this);
  Op close_op_ = Op::to<&Spool::on_file_closed>(this);
  Fd file_ = kNoFd;
  std::uint64_t size_ = 0;
  std::uint64_t filed_ = 0;
  std::uint64_t taken_ = 0;  // what read_ holds is not
  int error_ = 0;
  bool ended_ = false;
  bool stale_ = false;  // the read in flight was for before rewind()
};

// The spools of one worker, those of users that are gone included.
class Spools {
 public:
  explicit Spools(Loop& loop) : loop_(loop) {}

  [[nodiscard]] Spool& open(Spool::User& user, std::size_t memory_max = Spool::kMemoryMax) {
    return *spools_.make(*this, loop_, user, memory_max);
  }
  [[nodiscard]] std::size_t in_use() const { return spools_.in_use(); }

 private:
  friend class Spool;
  Loop& loop_;
  base::Slab<Spool> spools_{16};
};

}  // namespace millrace::io
