// What must hold in a simulated world, whatever goes wrong in it:
//
// - a request gets one answer, or its connection ends; never two answers, never bytes of another's;
// - an answer that looks whole is whole: its body is, to the byte, what an application gave for it;
// - a body that reaches an application whole is the client's, to the byte;
// - a request that must not run twice runs once;
// - when nothing goes wrong, an application answers: no 5xx, no lost connection.
//
// What is broken is noted as one line; the world stops at the first.
#pragma once

#include <string>
#include <vector>

#include "sim/ledger.h"
#include "support/fake_backend.h"
#include "support/fake_client.h"

namespace millrace::testing {

class Oracle {
 public:
  explicit Oracle(Ledger& ledger) : ledger_(ledger) {}

  // A client is over; `tags` are its asks.
  void judge(const FakeClient& client, const std::vector<std::string>& tags);
  // STDIN of a request has ended.
  void judge(const AppRequest& request);
  // After everything.
  void judge_runs();

  void blame(std::string what) { faults_.push_back(std::move(what)); }
  [[nodiscard]] const std::vector<std::string>& faults() const { return faults_; }

 private:
  void judge_reply(const Expected& expected, const Reply& reply);
  void judge_rest(const FakeClient& client, const Expected& expected);
  void judge_calm(const FakeClient& client, const std::vector<std::string>& tags);

  Ledger& ledger_;
  std::vector<std::string> faults_;
};

}  // namespace millrace::testing
