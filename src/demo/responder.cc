#include "demo/responder.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>

#include "base/ascii.h"
#include "base/must.h"
#include "demo/event_loop.h"

namespace millrace::demo {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";
constexpr int kBacklog = 4096;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

std::optional<SocketAddress> unix_address(std::string_view path) {
  SocketAddress address;
  auto& unix_socket = reinterpret_cast<sockaddr_un&>(address.storage);
  if (path.empty() || path.size() >= sizeof unix_socket.sun_path) return std::nullopt;
  unix_socket.sun_family = AF_UNIX;
  path.copy(unix_socket.sun_path, path.size());
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

std::optional<SocketAddress> tcp_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = base::parse_decimal(text.substr(colon + 1));
  SocketAddress address;
  auto& tcp = reinterpret_cast<sockaddr_in&>(address.storage);
  tcp.sin_family = AF_INET;
  address.size = sizeof tcp;
  if (!port || *port > 65535) return std::nullopt;
  tcp.sin_port = htons(static_cast<std::uint16_t>(*port));
  const std::string host(text.substr(0, colon));
  if (::inet_pton(AF_INET, host.c_str(), &tcp.sin_addr) != 1) return std::nullopt;
  return address;
}

// A socket that nobody listens at any more; only that is removed, never a file.
void remove_stale_socket(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) ::unlink(path.c_str());
}

base::Error failed(std::string_view what, std::string_view address) {
  const int error = errno;
  return {std::string(what) + " " + std::string(address) + ": " + std::strerror(error)};
}

}  // namespace

base::Result<std::unique_ptr<Responder>> Responder::listen(std::string_view address,
                                                           std::string_view name) {
  const bool is_unix = address.starts_with(kUnixPrefix);
  const std::string_view path = is_unix ? address.substr(kUnixPrefix.size()) : "";
  std::optional<SocketAddress> bound = is_unix ? unix_address(path) : tcp_address(address);
  if (!bound) return base::Error{"not an address: " + std::string(address)};

  std::unique_ptr<Responder> responder(new Responder(name));
  const int family = is_unix ? AF_UNIX : AF_INET;
  base::UniqueFd& listener = responder->listener_;
  listener.reset(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  responder->wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!listener.valid() || !responder->wake_.valid()) return failed("cannot open", address);
  if (is_unix) {
    remove_stale_socket(std::string(path));
  } else {
    const int on = 1;
    ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  }
  if (::bind(listener.get(), bound->get(), bound->size) != 0) return failed("cannot bind", address);
  if (is_unix) responder->unix_path_ = path;
  if (::listen(listener.get(), kBacklog) != 0) return failed("cannot listen at", address);
  responder->address_ = address;
  if (!is_unix) {
    ::getsockname(listener.get(), bound->get(), &bound->size);
    responder->port_ = ntohs(reinterpret_cast<sockaddr_in&>(bound->storage).sin_port);
    responder->address_ = address.substr(0, address.rfind(':') + 1);
    responder->address_ += std::to_string(responder->port_);
  }
  return responder;
}

Responder::Responder(std::string_view name) : application_(name) {}

Responder::~Responder() {
  stop();
  if (!unix_path_.empty()) ::unlink(unix_path_.c_str());
}

void Responder::start() {
  MUST(!thread_.joinable());
  thread_ = std::thread([this] { EventLoop(listener_.get(), wake_.get(), application_).run(); });
}

void Responder::stop() {
  if (!thread_.joinable()) return;
  ::eventfd_write(wake_.get(), 1);
  thread_.join();
  listener_.reset(-1);
}

}  // namespace millrace::demo
