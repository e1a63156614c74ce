#include "io/send_progress.h"

#include <linux/sockios.h>
#include <linux/tcp.h>  // more than netinet/tcp.h knows
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace millrace::io {

std::uint64_t taken_by_peer(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0) return info.tcpi_bytes_acked;
  int unread = 0;
  ::ioctl(fd, SIOCOUTQ, &unread);
  return static_cast<std::uint64_t>(unread);
}

}  // namespace millrace::io
