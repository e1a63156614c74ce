// What a simulated application answers, drawn by chance: correct in strange ways, or hostile.
#pragma once

#include <cstdint>

#include "sim/ledger.h"
#include "support/choices.h"
#include "support/fake_backend.h"

namespace millrace::testing {

// How hostile applications are, per mille of their answers.
struct AppManners {
  std::uint32_t odd = 0;       // correct, but padded, cut into small records, noisy, slow
  std::uint32_t cut = 0;       // ends, breaks or stops at some byte
  std::uint32_t damaged = 0;   // wrong ids, garbage, bad heads, bytes behind the end
  std::uint32_t lying = 0;     // a body that is not as long as declared
  std::uint32_t declines = 0;  // OVERLOADED and its like
  std::uint32_t early = 0;     // answers before STDIN has ended
  std::uint32_t deaf = 0;      // does not read STDIN
  std::uint32_t redirects = 0;
  std::size_t body_max = 150'000;
};

// Enters the run into the ledger.
Answer make_answer(Choices& choices, Ledger& ledger, const AppManners& manners,
                   const AppRequest& request);

}  // namespace millrace::testing
