// What every request of a simulated world has been through: what its client asked for, and each
// time that an application was given it. Bodies are made of their tag and their offsets, so that
// one byte in the wrong place, or of another exchange, is seen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::testing {

// `size` bytes that no other tag gives.
std::string tagged_body(std::string_view tag, std::size_t size);

struct Expected {
  std::string tag;
  std::string method = "GET";
  std::size_t body_bytes = 0;
  bool malformed = false;  // to be refused by the proxy
  bool calm = false;       // asked when nothing goes wrong: 200 from an application, nothing else
};

// One application was given the request.
struct Run {
  std::size_t body_bytes = 0;  // what the client must get, if it gets a whole answer
  int status = 200;
  std::string method;
  bool declined = false;  // refused before anything was done: may be given to another
};

class Ledger {
 public:
  Expected& expect(Expected expected) { return expected_[expected.tag] = std::move(expected); }
  [[nodiscard]] const Expected* find(const std::string& tag) const {
    const auto found = expected_.find(tag);
    return found == expected_.end() ? nullptr : &found->second;
  }
  // Returns the run's number.
  std::size_t add_run(const std::string& tag, Run run) {
    runs_[tag].push_back(run);
    return runs_[tag].size() - 1;
  }
  [[nodiscard]] const std::vector<Run>& runs(const std::string& tag) { return runs_[tag]; }
  [[nodiscard]] const std::map<std::string, Expected>& all() const { return expected_; }

 private:
  std::map<std::string, Expected> expected_;
  std::map<std::string, std::vector<Run>> runs_;
};

}  // namespace millrace::testing
