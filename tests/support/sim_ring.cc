#include "support/sim_ring.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/must.h"

namespace millrace::testing {
namespace {

constexpr char kDead = static_cast<char>(0xDD);
constexpr std::size_t kSendVectors = 64;

}  // namespace

SimRing::SimRing(std::size_t blocks, std::size_t block_bytes)
    : block_bytes_(block_bytes),
      memory_(std::make_unique<char[]>(blocks * block_bytes)),
      blocks_(blocks) {
  std::memset(memory_.get(), kDead, blocks * block_bytes);
  free_.reserve(blocks);
  for (std::size_t i = 0; i < blocks; ++i) {
    blocks_[i].owner = this;
    blocks_[i].data = memory_.get() + i * block_bytes;
    blocks_[i].capacity = blocks_[i].used = static_cast<std::uint32_t>(block_bytes);
    free_.push_back(&blocks_[i]);
  }
  requests_.reserve(1024);
}

SimRing::~SimRing() {
  MUST(requests_.empty());
}

Fd SimRing::open_socket(const io::SocketAddress& /*address*/) {
  return socket_error_ != 0 ? -socket_error_ : next_fd_++;
}

io::SocketAddress SimRing::remote_address(Fd /*fd*/) {
  return io::tcp_address("192.0.2.7", 50'000).value();
}

io::SocketAddress SimRing::local_address(Fd /*fd*/) {
  return io::tcp_address("192.0.2.1", 8'080).value();
}

void SimRing::end_sending(Fd fd) {
  mark(fd).sending_ended = true;
}

void SimRing::reset_when_closed(Fd fd) {
  mark(fd).resets = true;
}

Fd SimRing::accept(Fd /*listener*/) {
  return -EAGAIN;
}

void SimRing::connect(io::Op& op, Fd fd, const io::SocketAddress& address) {
  add(Kind::Connect, op, fd).address = &address;
}

void SimRing::receive(io::Op& op, Fd fd, io::BlockSize blocks) {
  MUST(find(Kind::Receive, fd) == nullptr);
  add(Kind::Receive, op, fd).credit = io::credit_of(blocks);
}

void SimRing::send(io::Op& op, Fd fd, const buffer::Chain& bytes) {
  MUST(find(Kind::Send, fd) == nullptr);
  pin(add(Kind::Send, op, fd), bytes);
}

void SimRing::pin(Request& request, const buffer::Chain& bytes) {
  std::array<iovec, kSendVectors> vectors{};
  const auto gathered = bytes.gather(vectors);
  MUST(gathered.bytes > 0);
  request.pinned.assign(vectors.begin(), vectors.begin() + static_cast<long>(gathered.count));
  request.copy.reserve(gathered.bytes);
  for (const iovec& part : request.pinned) {
    request.copy.append(static_cast<const char*>(part.iov_base), part.iov_len);
  }
}

void SimRing::watch_hangup(io::Op& op, Fd fd) {
  add(Kind::Hangup, op, fd);
}

void SimRing::watch_readable(io::Op& op, Fd fd) {
  add(Kind::Readable, op, fd);
}

Fd SimRing::open_temporary() {
  if (file_error_ != 0) return -file_error_;
  files_[next_fd_];
  return next_fd_++;
}

void SimRing::write(io::Op& op, Fd file, const buffer::Chain& bytes, std::uint64_t offset) {
  MUST(files_.contains(file));
  Request& request = add(Kind::Write, op, file);
  request.offset = offset;
  pin(request, bytes);
}

void SimRing::read(io::Op& op, Fd file, std::span<const iovec> into, std::uint64_t offset) {
  MUST(files_.contains(file) && into.size() <= kReadVectors);
  Request& request = add(Kind::Read, op, file);
  request.offset = offset;
  request.pinned.assign(into.begin(), into.end());
  for (const iovec& part : into) {
    std::memset(part.iov_base, kDead, part.iov_len);
    request.copy.append(part.iov_len, kDead);
  }
  MUST(!request.copy.empty());
}

void SimRing::close(io::Op& op, Fd fd) {
  MUST(std::ranges::find(requests_, fd, &Request::fd) == requests_.end());  // Nothing left on it.
  add(Kind::Close, op, fd);
}

void SimRing::cancel(io::Op& op) {
  for (Request& request : requests_) {
    if (request.op == &op) request.cancelled = true;
  }
}

void SimRing::turn(std::optional<Millis> /*wait*/) {}

SimRing::Request& SimRing::add(Kind kind, io::Op& op, Fd fd) {
  start(op);
  requests_.emplace_back();
  Request& request = requests_.back();
  request.kind = kind;
  request.op = &op;
  request.fd = fd;
  return request;
}

const SimRing::Request* SimRing::find(Kind kind, Fd fd) const {
  const auto found = std::ranges::find_if(requests_, [&](const Request& request) {
    return request.kind == kind && (fd == io::kNoFd || request.fd == fd);
  });
  return found == requests_.end() ? nullptr : &*found;
}

std::size_t SimRing::index_of(Kind kind, Fd fd) const {
  const Request* request = find(kind, fd);
  MUST(request != nullptr);
  return static_cast<std::size_t>(request - requests_.data());
}

void SimRing::check_pins(const Request& request) {
  std::string_view rest = request.copy;
  for (const iovec& part : request.pinned) {
    MUST(std::memcmp(part.iov_base, rest.data(), part.iov_len) == 0);  // The sender kept its bytes.
    rest.remove_prefix(part.iov_len);
  }
}

void SimRing::retire(std::size_t index) {
  check_pins(requests_[index]);
  requests_.erase(requests_.begin() + static_cast<long>(index));
}

void SimRing::complete(Kind kind, int result, bool more, Fd fd) {
  const std::size_t index = index_of(kind, fd);
  io::Op& op = *requests_[index].op;
  MUST(requests_[index].cancelled || result != -ECANCELED);  // The kernel does not cancel unasked.
  if (kind == Kind::Close) close_file(requests_[index].fd);
  if (more) {
    check_pins(requests_[index]);
  } else {
    retire(index);
  }
  io::Completion done;
  done.result = result;
  done.more = more;
  hand_over(op, std::move(done));
}

void SimRing::complete_file(Kind kind, std::size_t most, Fd fd) {
  const std::size_t index = index_of(kind, fd);
  const std::size_t moved = carry_out(requests_[index], most);
  complete(kind, static_cast<int>(moved), false, requests_[index].fd);
}

std::size_t SimRing::carry_out(Request& request, std::size_t most) {
  check_pins(request);
  std::string& file = files_.at(request.fd);
  if (request.kind == Kind::Write) {
    const std::string_view bytes = std::string_view(request.copy).substr(0, most);
    if (file.size() < request.offset + bytes.size()) file.resize(request.offset + bytes.size());
    file.replace(request.offset, bytes.size(), bytes);
    return bytes.size();
  }
  if (request.offset >= file.size()) return 0;
  std::string_view rest = std::string_view(file).substr(request.offset, most);
  std::size_t moved = 0;
  for (const iovec& part : request.pinned) {
    const std::string_view bytes = rest.substr(0, part.iov_len);
    std::memcpy(part.iov_base, bytes.data(), bytes.size());
    rest.remove_prefix(bytes.size());
    moved += bytes.size();
  }
  request.pinned.clear();
  return moved;
}

void SimRing::complete_receive(std::string_view bytes, bool more, Fd fd) {
  const std::size_t index = index_of(Kind::Receive, fd);
  io::Op& op = *requests_[index].op;
  if (!more) retire(index);
  io::Completion done;
  done.result = static_cast<std::int32_t>(bytes.size());
  done.more = more;
  auto slice = fill_block(bytes);
  MUST(slice.has_value());
  done.bytes = std::move(*slice);
  hand_over(op, std::move(done));
}

std::string SimRing::complete_send(Fd fd) {
  const std::size_t index = index_of(Kind::Send, fd);
  std::string sent = requests_[index].copy;
  complete(Kind::Send, static_cast<int>(sent.size()), false, requests_[index].fd);
  return sent;
}

bool SimRing::pending(Kind kind, Fd fd) const {
  return find(kind, fd) != nullptr;
}

bool SimRing::cancelled(Kind kind, Fd fd) const {
  const Request* request = find(kind, fd);
  return request != nullptr && request->cancelled;
}

std::uint32_t SimRing::credit(Fd fd) const {
  const Request* request = find(Kind::Receive, fd);
  return request == nullptr ? 0 : request->credit;
}

bool SimRing::sending_ended(Fd fd) const {
  const auto found = std::ranges::find(marks_, fd, &Mark::fd);
  return found != marks_.end() && found->sending_ended;
}

bool SimRing::resets(Fd fd) const {
  const auto found = std::ranges::find(marks_, fd, &Mark::fd);
  return found != marks_.end() && found->resets;
}

SimRing::Mark& SimRing::mark(Fd fd) {
  const auto found = std::ranges::find(marks_, fd, &Mark::fd);
  if (found != marks_.end()) return *found;
  marks_.emplace_back();
  marks_.back().fd = fd;
  return marks_.back();
}

std::optional<buffer::Slice> SimRing::fill_block(std::string_view bytes) {
  MUST(bytes.size() <= block_bytes_);
  if (free_.empty()) return std::nullopt;
  buffer::Block& block = *free_.back();
  free_.pop_back();
  std::memcpy(block.data, bytes.data(), bytes.size());
  return buffer::Slice(block, {block.data, bytes.size()});
}

void SimRing::recycle(buffer::Block& block) noexcept {
  std::memset(block.data, kDead, block_bytes_);
  free_.push_back(&block);
}

}  // namespace millrace::testing
