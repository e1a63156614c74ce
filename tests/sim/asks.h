// What a simulated client asks for, drawn by chance.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "sim/ledger.h"
#include "support/choices.h"
#include "support/fake_client.h"

namespace millrace::testing {

// The paths below which applications answer; what they are is in world.cc.
inline constexpr const char* kPaths[] = {"/plain/", "/group/", "/few/", "/once/"};

struct ClientStory {
  ClientPlan plan;
  std::vector<std::string> tags;  // of its asks, in order
};

// How strange clients may be, per mille.
struct ClientManners {
  std::uint32_t leaves = 0;
  std::uint32_t slow = 0;
  std::uint32_t malformed = 0;
  std::uint32_t bodies = 300;
  std::uint32_t http_1_0 = 0;
  std::size_t body_max = 100'000;
};

ClientStory make_story(Choices& choices, Ledger& ledger, const ClientManners& manners, bool calm,
                       std::size_t number);

}  // namespace millrace::testing
