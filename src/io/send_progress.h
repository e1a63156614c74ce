// How far a connection's peer has got.
#pragma once

#include <cstdint>

namespace millrace::io {

// A number that changes whenever the peer of a connected socket has taken some of what was sent:
// bytes that TCP has seen acknowledged, or those that a Unix socket's peer has not read yet.
std::uint64_t taken_by_peer(int fd);

}  // namespace millrace::io
