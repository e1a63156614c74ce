// Clients, applications and one worker's proxy on one simulated network and one virtual clock. One
// seed is one world: its configuration, how hostile everybody is, and every single event.
//
//     storm   clients and applications as the seed's dials say, for a number of turns
//     calm    no faults; new clients, whose requests must all be answered; everybody finishes
//     end     the worker drains, or is stopped; nothing may be left
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/proxy.h"
#include "server/acceptor.h"
#include "sim/answers.h"
#include "sim/asks.h"
#include "sim/ledger.h"
#include "sim/oracle.h"
#include "support/choices.h"
#include "support/fake_backend.h"
#include "support/fake_client.h"
#include "support/sim_net.h"

namespace millrace::testing {

class World final : private proxy::Proxy::Listener {
 public:
  World(Choices choices, bool trace);
  ~World();

  // True: nothing is to blame. Else faults() says what, and step() when.
  bool run(std::size_t storm_steps);
  [[nodiscard]] const std::vector<std::string>& faults() const { return oracle_.faults(); }
  [[nodiscard]] std::size_t step() const { return step_; }
  [[nodiscard]] std::size_t answered() const { return answered_; }

 private:
  struct Client {
    FakeClient fake;
    std::vector<std::string> tags;
  };

  static std::string config_text(Choices& choices);
  void draw_dials();
  void add_client(bool calm);
  void turn();
  void judge_clients();
  void check_memory();
  void storm(std::size_t steps);
  void calm();
  void end(bool stop);
  // Until `done`, for at most so much virtual time.
  template <typename Done>
  void finish(Millis most, const char* what, Done done);
  void check_nothing_left();
  void on_client_gone() override;

  Choices choices_;
  Ledger ledger_;
  Oracle oracle_{ledger_};
  SimNet net_;
  io::Loop loop_;
  server::Gate gate_;
  Fd listener_ = io::kNoFd;
  std::vector<std::unique_ptr<FakeBackend>> backends_;
  std::vector<std::unique_ptr<Client>> clients_;
  ClientManners client_manners_;
  AppManners app_manners_;
  std::shared_ptr<proxy::Snapshot> snapshot_;
  std::unique_ptr<proxy::Proxy> proxy_;
  std::unique_ptr<server::Acceptor> acceptor_;
  std::uint32_t arrivals_ = 0;  // per mille of the turns
  std::uint32_t restarts_ = 0;
  std::uint32_t outages_ = 0;
  std::size_t clients_max_ = 0;
  std::size_t clients_made_ = 0;
  std::size_t answered_ = 0;
  std::size_t step_ = 0;
};

}  // namespace millrace::testing
