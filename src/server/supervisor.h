// The life of the process: sockets, privileges, workers, signals, and an end that loses nothing.
#pragma once

#include <functional>
#include <memory>

#include "config/config.h"
#include "server/sockets.h"

namespace millrace::server {

// Serves until a signal says otherwise. TERM and QUIT: no new connections, requests in flight are
// finished, at most for shutdown_timeout. INT: at once. `ready` is called once all workers accept.
// Returns the exit status: 0 ended as asked, 1 failed at run time (said on standard error).
int serve(config::Config config, const std::function<void(const Sockets&)>& ready);

}  // namespace millrace::server
