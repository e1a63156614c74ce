#include "io/uring_ring.h"

#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/must.h"
#include "io/send_progress.h"
#include "io/temporary_file.h"
#include "io/uring_blocks.h"

// Newer than the liburing headers of some distributions (Linux 6.17).
#ifndef IORING_SEND_VECTORIZED
#define IORING_SEND_VECTORIZED (1U << 5)
#endif

namespace millrace::io {
namespace {

constexpr unsigned kSubmissions = 4096;
constexpr unsigned kCompletions = 16384;
constexpr unsigned kCompletionsPerTurn = 1024;  // More wait for the next turn, after the timers.
// A few hot blocks beat many cold ones: what is received is sent on while it is in the cache.
constexpr std::array<unsigned, kBlockBytes.size()> kBlocks{256, 64, 16};
constexpr unsigned kIdsPerSize = 256;
constexpr std::size_t kScratchVectors = 8192;
constexpr std::size_t kSendVectors = 64;  // At most so many slices in one send.

base::Error explain(int error) {
  if (error == ENOSYS || error == EPERM || error == EACCES) {
    return {
        "this kernel does not offer io_uring, or it is disabled (see the sysctl "
        "kernel.io_uring_disabled and the container's seccomp profile); "
        "millrace needs Linux 6.1 or newer with io_uring"};
  }
  if (error == EINVAL) {
    return {"this kernel's io_uring is too old; millrace needs Linux 6.1 or newer"};
  }
  if (error == ENOMEM) {
    return {"no memory for io_uring; raise the limit of locked memory (ulimit -l)"};
  }
  return {std::string("io_uring cannot be set up: ") + std::strerror(error)};
}

int init_ring(io_uring& ring, unsigned submissions, unsigned completions) {
  constexpr unsigned kBase = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                             IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
  for (const unsigned flags : {kBase | IORING_SETUP_NO_SQARRAY, kBase}) {
    io_uring_params params{};
    params.flags = flags;
    params.cq_entries = completions;
    const int error = io_uring_queue_init_params(submissions, &ring, &params);
    if (error != -EINVAL) return error;  // NO_SQARRAY is of 6.6
  }
  return -EINVAL;
}

std::uint64_t user_data(const Op& op) {
  return reinterpret_cast<std::uint64_t>(&op);
}

class UringRing final : public Ring {
 public:
  UringRing(const Features& features, buffer::BlockPool& pool) : features_(features), pool_(pool) {}
  ~UringRing() override;

  int init();

  Fd open_socket(const SocketAddress& address) override;
  SocketAddress remote_address(Fd fd) override;
  SocketAddress local_address(Fd fd) override;
  std::uint64_t taken_by_peer(Fd fd) override { return io::taken_by_peer(fd); }
  void end_sending(Fd fd) override { ::shutdown(fd, SHUT_WR); }
  void reset_when_closed(Fd fd) override;

  Fd accept(Fd listener) override;
  void connect(Op& op, Fd fd, const SocketAddress& address) override;
  void receive(Op& op, Fd fd, BlockSize blocks) override;
  void send(Op& op, Fd fd, const buffer::Chain& bytes) override;
  void watch_hangup(Op& op, Fd fd) override;
  void watch_readable(Op& op, Fd fd) override;
  Fd open_temporary() override { return open_temporary_file(); }
  void write(Op& op, Fd file, const buffer::Chain& bytes, std::uint64_t offset) override;
  void read(Op& op, Fd file, std::span<const iovec> into, std::uint64_t offset) override;
  void close(Op& op, Fd fd) override;
  void cancel(Op& op) override;
  void turn(std::optional<Millis> wait) override;

 private:
  io_uring_sqe* sqe();
  io_uring_sqe* sqe(Op& op);
  io_uring_sqe* sqe_with_vectors(Op& op);
  void submit();
  void dispatch();

  Features features_;
  buffer::BlockPool& pool_;
  io_uring ring_{};
  bool ready_ = false;
  std::array<LentBlocks, kBlocks.size()> blocks_;  // by BlockSize
  // Read by the kernel when it takes the submission, so free again after each submit.
  std::array<iovec, kScratchVectors> vectors_{};
  std::array<msghdr, kSubmissions> messages_{};
  std::size_t vectors_used_ = 0;
  std::size_t messages_used_ = 0;
};

UringRing::~UringRing() {
  if (!ready_) return;
  // Ends what the kernel still has, so that listeners are free at once and not some milliseconds
  // later.
  io_uring_sync_cancel_reg all{};
  all.flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL;
  all.timeout = {-1, -1};
  io_uring_register_sync_cancel(&ring_, &all);
  for (LentBlocks& blocks : blocks_) {
    blocks.exit(ring_);
  }
  io_uring_queue_exit(&ring_);
}

int UringRing::init() {
  int error = init_ring(ring_, kSubmissions, kCompletions);
  if (error < 0) return error;
  ready_ = true;
  io_uring_register_ring_fd(&ring_);
  for (unsigned i = 0; i < kBlocks.size(); ++i) {
    error =
        blocks_[i].init(ring_, static_cast<int>(i), i * kIdsPerSize, kBlocks[i], kBlockBytes[i]);
    if (error < 0) return error;
  }
  return 0;
}

Fd UringRing::open_socket(const SocketAddress& address) {
  const Fd fd = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  if (!address.is_unix()) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  return fd;
}

SocketAddress UringRing::remote_address(Fd fd) {
  SocketAddress address;
  address.length = sizeof address.storage;
  ::getpeername(fd, address.get(), &address.length);
  return address;
}

SocketAddress UringRing::local_address(Fd fd) {
  SocketAddress address;
  address.length = sizeof address.storage;
  ::getsockname(fd, address.get(), &address.length);
  return address;
}

void UringRing::reset_when_closed(Fd fd) {
  const linger at_once = {.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

Fd UringRing::accept(Fd listener) {
  const Fd fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

void UringRing::connect(Op& op, Fd fd, const SocketAddress& address) {
  io_uring_prep_connect(sqe(op), fd, address.get(), address.length);
}

// Without a credit a shot may take many blocks, of which only the small ones are many.
void UringRing::receive(Op& op, Fd fd, BlockSize blocks) {
  if (!features_.receive_credit) blocks = BlockSize::Small;
  io_uring_sqe* entry = sqe(op);
  io_uring_prep_recv_multishot(entry, fd, nullptr, 0, 0);
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = static_cast<std::uint16_t>(blocks);
  entry->ioprio |= IORING_RECVSEND_POLL_FIRST;
  if (features_.receive_credit) entry->optlen = credit_of(blocks);
}

void UringRing::send(Op& op, Fd fd, const buffer::Chain& bytes) {
  constexpr int kFlags = MSG_NOSIGNAL | MSG_WAITALL;
  io_uring_sqe* entry = sqe_with_vectors(op);
  iovec* vectors = &vectors_[vectors_used_];
  const auto gathered = bytes.gather({vectors, kSendVectors});
  if (gathered.count == 1) {
    io_uring_prep_send(entry, fd, vectors->iov_base, vectors->iov_len, kFlags);
    return;
  }
  vectors_used_ += gathered.count;
  if (features_.vectorized_send) {
    io_uring_prep_send(entry, fd, vectors, gathered.count, kFlags);
    entry->ioprio |= IORING_SEND_VECTORIZED;
    return;
  }
  msghdr& message = messages_[messages_used_++];
  message = {};
  message.msg_iov = vectors;
  message.msg_iovlen = gathered.count;
  io_uring_prep_sendmsg(entry, fd, &message, kFlags);
}

void UringRing::watch_hangup(Op& op, Fd fd) {
  io_uring_prep_poll_multishot(sqe(op), fd, POLLRDHUP | POLLHUP);
}

void UringRing::watch_readable(Op& op, Fd fd) {
  io_uring_prep_poll_add(sqe(op), fd, POLLIN | EPOLLEXCLUSIVE);
}

void UringRing::write(Op& op, Fd file, const buffer::Chain& bytes, std::uint64_t offset) {
  io_uring_sqe* entry = sqe_with_vectors(op);
  iovec* vectors = &vectors_[vectors_used_];
  const auto gathered = bytes.gather({vectors, kSendVectors});
  vectors_used_ += gathered.count;
  io_uring_prep_writev(entry, file, vectors, static_cast<unsigned>(gathered.count), offset);
}

void UringRing::read(Op& op, Fd file, std::span<const iovec> into, std::uint64_t offset) {
  MUST(into.size() <= kReadVectors);
  io_uring_sqe* entry = sqe_with_vectors(op);
  iovec* vectors = &vectors_[vectors_used_];
  std::ranges::copy(into, vectors);
  vectors_used_ += into.size();
  io_uring_prep_readv(entry, file, vectors, static_cast<unsigned>(into.size()), offset);
}

void UringRing::close(Op& op, Fd fd) {
  io_uring_prep_close(sqe(op), fd);
}

void UringRing::cancel(Op& op) {
  io_uring_sqe* entry = sqe();
  io_uring_prep_cancel64(entry, user_data(op), 0);
  entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
  entry->user_data = 0;
}

void UringRing::turn(std::optional<Millis> wait) {
  for (LentBlocks& blocks : blocks_) {
    blocks.announce();
  }
  if (wait && *wait <= Millis(0)) {
    io_uring_submit_and_get_events(&ring_);
  } else {
    __kernel_timespec timeout{};
    if (wait) {
      timeout.tv_sec = wait->count() / 1000;
      timeout.tv_nsec = wait->count() % 1000 * 1'000'000;
    }
    io_uring_cqe* first = nullptr;
    io_uring_submit_and_wait_timeout(&ring_, &first, 1, wait ? &timeout : nullptr, nullptr);
  }
  vectors_used_ = messages_used_ = 0;
  if (after_wait) after_wait();
  dispatch();
}

// The completion is copied and its place given back before the handler runs, so that a handler that
// fills the submission queue, and thereby submits, finds room.
void UringRing::dispatch() {
  for (unsigned n = 0; n < kCompletionsPerTurn; ++n) {
    io_uring_cqe* entry = nullptr;
    if (io_uring_peek_cqe(&ring_, &entry) != 0) return;
    auto* op = reinterpret_cast<Op*>(entry->user_data);  // NOLINT(performance-no-int-to-ptr)
    Completion done{
        .result = entry->res, .more = (entry->flags & IORING_CQE_F_MORE) != 0, .bytes = {}};
    if ((entry->flags & IORING_CQE_F_BUFFER) != 0) {
      const unsigned id = entry->flags >> IORING_CQE_BUFFER_SHIFT;
      done.bytes = blocks_[id / kIdsPerSize].take(
          id, static_cast<std::size_t>(std::max(done.result, 0)), pool_);
    }
    io_uring_cqe_seen(&ring_, entry);
    if (op != nullptr) deliver(*op, std::move(done));
  }
}

io_uring_sqe* UringRing::sqe() {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  while (entry == nullptr) {
    submit();
    entry = io_uring_get_sqe(&ring_);
  }
  return entry;
}

io_uring_sqe* UringRing::sqe(Op& op) {
  start(op);
  io_uring_sqe* entry = sqe();
  entry->user_data = user_data(op);
  return entry;
}

// An entry, and room for kSendVectors vectors and a message. The vectors are filled afterwards:
// getting the entry may submit, which frees those used so far.
io_uring_sqe* UringRing::sqe_with_vectors(Op& op) {
  if (vectors_used_ + kSendVectors > vectors_.size() || messages_used_ == messages_.size()) {
    submit();
  }
  return sqe(op);
}

void UringRing::submit() {
  io_uring_submit(&ring_);
  vectors_used_ = messages_used_ = 0;
}

constexpr int kProbeGroup = 0;

// Both features are asked of a socket pair: an unknown field or flag is refused, or ignored.
Features probe(io_uring& ring) {
  Features features;
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) return features;
  const base::UniqueFd ours(pair[0]);
  const base::UniqueFd theirs(pair[1]);
  std::array<iovec, 2> vectors{{{const_cast<char*>("a"), 1}, {const_cast<char*>("b"), 1}}};
  io_uring_sqe* entry = io_uring_get_sqe(&ring);
  io_uring_prep_send(entry, theirs.get(), vectors.data(), vectors.size(), MSG_NOSIGNAL);
  entry->ioprio |= IORING_SEND_VECTORIZED;
  io_uring_cqe* done = nullptr;
  if (io_uring_submit_and_wait_timeout(&ring, &done, 1, nullptr, nullptr) < 0) return features;
  std::array<char, 16> received{};
  const bool sent = done->res == 2;
  io_uring_cqe_seen(&ring, done);
  const ssize_t got = ::recv(ours.get(), received.data(), received.size(), MSG_DONTWAIT);
  features.vectorized_send = sent && got == 2 && received[0] == 'a' && received[1] == 'b';

  int error = 0;
  io_uring_buf_ring* given = io_uring_setup_buf_ring(&ring, 2, kProbeGroup, 0, &error);
  if (given == nullptr) return features;
  io_uring_buf_ring_add(given, received.data(), received.size(), 0, io_uring_buf_ring_mask(2), 0);
  io_uring_buf_ring_advance(given, 1);
  entry = io_uring_get_sqe(&ring);
  io_uring_prep_recv_multishot(entry, ours.get(), nullptr, 0, 0);
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = kProbeGroup;
  entry->optlen = 1;
  if (::send(theirs.get(), "c", 1, MSG_NOSIGNAL) == 1 &&
      io_uring_submit_and_wait_timeout(&ring, &done, 1, nullptr, nullptr) >= 0) {
    features.receive_credit = done->res == 1 && (done->flags & IORING_CQE_F_MORE) == 0;
    io_uring_cqe_seen(&ring, done);
  }
  io_uring_sync_cancel_reg all{};
  all.flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL;
  all.timeout = {-1, -1};
  io_uring_register_sync_cancel(&ring, &all);
  io_uring_free_buf_ring(&ring, given, 2, kProbeGroup);
  return features;
}

}  // namespace

base::Result<Features> probe_features() {
  io_uring ring{};
  const int error = init_ring(ring, 8, 16);
  if (error < 0) return explain(-error);
  const Features features = probe(ring);
  io_uring_queue_exit(&ring);
  return features;
}

base::Result<std::unique_ptr<Ring>> make_uring_ring(const Features& features,
                                                    buffer::BlockPool& pool) {
  auto ring = std::make_unique<UringRing>(features, pool);
  const int error = ring->init();
  if (error < 0) return explain(-error);
  return std::unique_ptr<Ring>(std::move(ring));
}

}  // namespace millrace::io
