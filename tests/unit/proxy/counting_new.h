// Replaces operator new in the program that links it, and counts.
#pragma once

#include <cstddef>

namespace millrace::testing {

// How often the calling thread has allocated so far.
std::size_t allocations();

}  // namespace millrace::testing
