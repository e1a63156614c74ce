#include "server/process.h"

#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "base/fd.h"
#include "io/address.h"

namespace millrace::server {

sigset_t handled_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGQUIT, SIGINT, SIGHUP, SIGUSR1, kWakeSignal}) {
    sigaddset(&signals, signal);
  }
  return signals;
}

void block_signals() {
  const sigset_t signals = handled_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);  // The write fails as well, and that is enough.
}

std::vector<int> usable_cpus() {
  std::vector<int> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) cpus.push_back(cpu);
  }
  return cpus;
}

std::uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

std::string drop_privileges(const config::Server& server) {
  if (server.user.empty() && server.group.empty()) return {};
  uid_t uid = ::getuid();
  gid_t gid = ::getgid();
  if (!server.user.empty()) {
    const passwd* user = ::getpwnam(server.user.c_str());
    if (user == nullptr) return "there is no user \"" + server.user + "\"";
    uid = user->pw_uid;
    gid = user->pw_gid;
  }
  if (!server.group.empty()) {
    const group* entry = ::getgrnam(server.group.c_str());
    if (entry == nullptr) return "there is no group \"" + server.group + "\"";
    gid = entry->gr_gid;
  }
  if (::geteuid() != 0) {
    if (uid == ::getuid() && gid == ::getgid()) return {};
    return "only root can become another user or group";
  }
  const bool groups = server.user.empty() ? ::setgroups(0, nullptr) == 0
                                          : ::initgroups(server.user.c_str(), gid) == 0;
  if (!groups || ::setgid(gid) != 0 || ::setuid(uid) != 0) {
    return std::string("privileges cannot be dropped: ") + std::strerror(errno);
  }
  if (uid != 0 && ::setuid(0) == 0) return "privileges were dropped, but could be had again";
  return {};
}

void notify_systemd(const char* state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return;
  auto address = io::unix_address(path);
  if (!address.ok()) return;
  auto* un = reinterpret_cast<sockaddr_un*>(&address.value().storage);
  socklen_t length = address.value().length;
  if (path[0] == '@') {  // an abstract socket: no trailing NUL
    un->sun_path[0] = '\0';
    --length;
  }
  const base::UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ::sendto(fd.get(), state, std::strlen(state), MSG_NOSIGNAL, address.value().get(), length);
}

}  // namespace millrace::server
