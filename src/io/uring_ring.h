// The real ring: one per thread, made in that thread (SINGLE_ISSUER, DEFER_TASKRUN). Received bytes
// come in blocks of a provided-buffer ring; an idle connection holds none. When fewer than a
// quarter of the blocks are left, what arrives is copied out and its block goes back at once, so
// slow readers can never starve the others of blocks.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "io/ring.h"

namespace millrace::io {

// What this kernel can do beyond the base (6.1). Newer features may be switched off for tests.
struct Features {
  bool vectorized_send = false;  // 6.17: else SENDMSG
  bool receive_credit = false;   // 6.17: else a receive goes on until it is cancelled
};

// Asks the kernel once, on a ring of its own. The error is one sentence for people.
base::Result<Features> probe_features();

// A ring for the calling thread. `pool` is where bytes are copied to when receive blocks run short.
base::Result<std::unique_ptr<Ring>> make_uring_ring(const Features& features,
                                                    buffer::BlockPool& pool);

}  // namespace millrace::io
