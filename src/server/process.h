// What the process asks of the system once, at start.
#pragma once

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include "config/config.h"

namespace millrace::server {

// Workers wake the thread that waits for signals with this one.
inline constexpr int kWakeSignal = SIGUSR2;
// The signals that the supervisor waits for.
sigset_t handled_signals();
// Before the first thread is made, so that no thread is ever interrupted by them, nor the process
// ended by a write that fails.
void block_signals();

// The CPUs that this process may run on.
std::vector<int> usable_cpus();
// Raises the number of descriptors to the most that is allowed; returns it.
std::uint64_t raise_descriptor_limit();
// Becomes the configured user and group, for good. An error's text, or nothing.
std::string drop_privileges(const config::Server& server);
// Tells systemd, where it asked for it (sd_notify(3)).
void notify_systemd(const char* state);

}  // namespace millrace::server
