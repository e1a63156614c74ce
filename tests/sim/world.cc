#include "sim/world.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/must.h"
#include "config/load.h"

namespace millrace::testing {
namespace {

constexpr Millis kTurnMax{1'000};
constexpr std::uint16_t kPortFirst = 4'000;
constexpr std::size_t kPorts = 5;
constexpr std::size_t kCalmClients = 10;
// Everybody who is left after the storm is done within this time: the sum of the timeouts that can
// follow each other is far below.
constexpr Millis kCalmMax{300'000};
constexpr Millis kEndMax{60'000};

std::string millis(std::uint64_t value) {
  return "\"" + std::to_string(value) + "ms\"";
}

std::shared_ptr<proxy::Snapshot> make_snapshot(const std::string& text) {
  auto loaded = config::load_text(text, "sim.toml");
  for (const config::Fault& fault : loaded.faults) {
    std::fprintf(stderr, "%s\n", config::render(fault, "sim.toml", text).c_str());
  }
  MUST(loaded.config.has_value());
  auto snapshot = proxy::Snapshot::make(std::move(*loaded.config), 1);
  MUST(snapshot.ok());
  snapshot.value()->post().set_waker(0, [] {});
  return snapshot.value();
}

}  // namespace

// One plain application, a group of two, one with few places, one that cannot keep a connection.
std::string World::config_text(Choices& choices) {
  std::string text = "[[listen]]\naddress = \"127.0.0.1:8080\"\n[timeouts]\n";
  text += "header = " + millis(choices.between(300, 3'000)) + "\n";
  text += "body = " + millis(choices.between(300, 3'000)) + "\n";
  text += "keepalive = " + millis(choices.between(100, 3'000)) + "\n";
  text += "send = " + millis(choices.between(1'000, 4'000)) + "\n";
  text += "connect = " + millis(choices.between(100, 1'000)) + "\n";
  text += "response = " + millis(choices.between(500, 4'000)) + "\n";
  if (choices.chance(300)) text += "total = " + millis(choices.between(5'000, 20'000)) + "\n";
  text += "[limits]\nresponse_buffer = " + std::to_string(choices.size(1'024, 262'144)) + "\n";
  if (choices.chance(300)) {
    text += "requests_per_connection = " + std::to_string(choices.between(3, 6)) + "\n";
  }
  const char* const buffering[] = {"auto", "off", "on"};
  const std::string few = std::to_string(choices.between(1, 3));
  const std::string queue = millis(choices.between(3'000, 6'000));
  text += "[[site]]\n[[site.route]]\npath = \"/plain/\"\nto = \"fcgi://127.0.0.1:4000/\"\n";
  text += "request_buffering = \"" + std::string(buffering[choices.below(3)]) + "\"\n";
  text += "[[site.route]]\npath = \"/group/\"\nto = \"balancer://group/\"\n";
  text +=
      "[[site.route]]\npath = \"/few/\"\nto = { url = \"fcgi://127.0.0.1:4003/\", max = " + few +
      ", queue = " + queue + ", idle = " + std::to_string(choices.below(3)) + " }\n";
  text +=
      "[[site.route]]\npath = \"/once/\"\n"
      "to = { url = \"fcgi://127.0.0.1:4004/\", reuse = false, idle_timeout = \"1s\" }\n";
  text +=
      "[balancer.group]\nretry = \"2s\"\nmembers = [{ url = \"fcgi://127.0.0.1:4001/\" }, "
      "{ url = \"fcgi://127.0.0.1:4002/\", weight = 2 }]\n";
  return text;
}

World::World(Choices choices, bool trace)
    : choices_(choices),
      net_(choices_, choices_.between(4, 64), choices_.size(64, 16'384)),
      loop_(net_, net_.now()) {
  if (trace) net_.trace_to(stderr);
  snapshot_ = make_snapshot(config_text(choices_));
  proxy_.reset(new proxy::Proxy(loop_, 0, snapshot_, *this));
  gate_.max = choices_.between(5, 50);
  listener_ = net_.listen();
  acceptor_ =
      std::make_unique<server::Acceptor>(loop_, *proxy_, gate_, base::UniqueFd(listener_), 0);
  acceptor_->start();
  for (std::size_t i = 0; i < kPorts; ++i) {
    backends_.push_back(std::make_unique<FakeBackend>([this](const AppRequest& request) {
      return make_answer(choices_, ledger_, app_manners_, request);
    }));
    backends_.back()->on_stdin_end = [this](const AppRequest& request) { oracle_.judge(request); };
    net_.serve(static_cast<std::uint16_t>(kPortFirst + i), backends_.back().get());
  }
  draw_dials();
}

World::~World() = default;

// A swarm: of all that can go wrong, a seed has some, and each with its own probability.
void World::draw_dials() {
  Faults& faults = net_.faults;
  for (std::uint32_t* dial : {&faults.short_receive, &faults.short_send, &faults.stop_multishot,
                              &faults.reorder, &faults.cancel_loses, &faults.lose_unread}) {
    *dial = choices_.dial(1'000);
  }
  for (std::uint32_t* dial : {&faults.no_blocks, &faults.ignore_credit, &faults.delay,
                              &faults.few_per_turn, &faults.spurious_hangup, &faults.lost_end}) {
    *dial = choices_.dial(300);
  }
  for (std::uint32_t* dial :
       {&faults.refuse, &faults.silent, &faults.slow_connect, &faults.accept_fails}) {
    *dial = choices_.dial(200);
  }
  faults.short_file = choices_.dial(1'000);
  faults.file_full = faults.file_fails = choices_.dial(50);
  faults.break_link = choices_.dial(20);
  faults.clock_jump = choices_.dial(5);
  for (std::uint32_t* dial : {&app_manners_.odd, &app_manners_.early}) {
    *dial = choices_.dial(600);
  }
  for (std::uint32_t* dial :
       {&app_manners_.cut, &app_manners_.damaged, &app_manners_.lying, &app_manners_.declines,
        &app_manners_.deaf, &app_manners_.redirects}) {
    *dial = choices_.dial(200);
  }
  client_manners_.leaves = choices_.dial(300);
  client_manners_.slow = choices_.dial(600);
  client_manners_.malformed = choices_.dial(100);
  client_manners_.http_1_0 = choices_.dial(300);
  // Larger than what the proxy and two sockets hold together.
  if (choices_.chance(300)) client_manners_.body_max = 600'000;
  arrivals_ = static_cast<std::uint32_t>(choices_.between(5, 200));
  restarts_ = choices_.dial(10);
  outages_ = choices_.dial(10);
  clients_max_ = choices_.between(1, 40);
  net_.set_buffers(choices_.size(512, 65'536), choices_.size(512, 65'536));
}

bool World::run(std::size_t storm_steps) {
  storm(storm_steps);
  const bool stop = choices_.chance(100);
  if (faults().empty() && !stop) calm();
  if (faults().empty()) end(stop);
  return faults().empty();
}

void World::add_client(bool calm) {
  ClientStory story = make_story(choices_, ledger_, client_manners_, calm, clients_made_++);
  clients_.push_back(std::make_unique<Client>(
      Client{FakeClient(net_.dial(listener_), std::move(story.plan)), std::move(story.tags)}));
}

void World::turn() {
  ++step_;
  for (const auto& client : clients_) {
    client->fake.step(net_.now());
    net_.wake_at(client->fake.next());
  }
  for (const auto& backend : backends_) {
    backend->step(net_.now());
    net_.wake_at(backend->next());
    for (const std::string& what : backend->violations())
      oracle_.blame("FastCGI: " + what);
  }
  loop_.turn(kTurnMax);
  if (choices_.chance(100)) net_.advance(Millis(1));
  loop_.timers.advance(net_.now());
  judge_clients();
  check_memory();
}

void World::judge_clients() {
  for (const auto& client : clients_) {
    if (!client->fake.over()) continue;
    oracle_.judge(client->fake, client->tags);
    answered_ += client->fake.replies().size();
  }
  std::erase_if(clients_, [](const auto& client) { return client->fake.over(); });
}

void World::check_memory() {
  // For each client: what may wait for it, and what may wait for its application, twice over for
  // what is kept for a second try; a block may be held for a part of it.
  const std::size_t most = 64 + (proxy_->clients() + 1) * 4 *
                                    (snapshot_->config().limits.response_buffer + 4 * 65'536) /
                                    buffer::BlockPool::kBlockBytes;
  if (loop_.blocks.blocks_in_use() + net_.spare_blocks() > most) {
    oracle_.blame(std::to_string(loop_.blocks.blocks_in_use()) + " blocks in use, and " +
                  std::to_string(net_.spare_blocks()) + " copies; the most is " +
                  std::to_string(most));
  }
}

void World::storm(std::size_t steps) {
  std::array<bool, kPorts> down{};
  for (std::size_t i = 0; i < steps && faults().empty(); ++i) {
    if (clients_.size() < clients_max_ && choices_.chance(arrivals_)) add_client(false);
    const std::size_t which = choices_.below(kPorts);
    if (choices_.chance(restarts_)) backends_[which]->close_all();
    if (choices_.chance(outages_)) {
      down[which] = !down[which];
      net_.serve(static_cast<std::uint16_t>(kPortFirst + which),
                 down[which] ? nullptr : backends_[which].get());
    }
    turn();
  }
}

template <typename Done>
void World::finish(Millis most, const char* what, Done done) {
  const Millis until = net_.now() + most;
  while (faults().empty() && !done()) {
    if (net_.now() > until) {
      return oracle_.blame(std::string(what) + " is not over after " +
                           std::to_string(most.count() / 1'000) + " virtual seconds; " +
                           std::to_string(clients_.size()) + " clients are left");
    }
    turn();
  }
}

void World::calm() {
  net_.faults = {};
  app_manners_ = {};
  client_manners_ = {.slow = 200, .body_max = 50'000};
  net_.set_buffers(65'536, 65'536);
  for (std::size_t i = 0; i < kPorts; ++i) {
    net_.serve(static_cast<std::uint16_t>(kPortFirst + i), backends_[i].get());
    backends_[i]->close_all();  // None hangs on to what it did in the storm.
  }
  for (const auto& client : clients_)
    client->fake.hurry();
  finish(kCalmMax, "the storm", [this] { return clients_.empty(); });
  for (std::size_t i = 0; i < kCalmClients; ++i)
    add_client(true);
  finish(kCalmMax, "the calm", [this] { return clients_.empty(); });
}

void World::end(bool stop) {
  acceptor_->stop();
  if (stop) {
    proxy_->stop();
  } else {
    proxy_->drain();
  }
  finish(kEndMax, "the proxy", [this] { return acceptor_->over() && proxy_->over(); });
  net_.unlisten(listener_);
  if (stop) return;
  oracle_.judge_runs();
  if (faults().empty()) check_nothing_left();
}

void World::check_nothing_left() {
  const auto expect_none = [this](std::size_t count, const char* what) {
    if (count != 0) oracle_.blame(std::to_string(count) + " " + what + " are left");
  };
  expect_none(net_.in_flight(), "operations in flight");
  expect_none(net_.open_descriptors(), "open descriptors");
  expect_none(net_.blocks_out(), "receive blocks");
  expect_none(net_.spare_blocks(), "copied blocks");
  expect_none(loop_.blocks.blocks_in_use(), "blocks");
  expect_none(loop_.blocks.segments().in_use(), "segments");
  expect_none(gate_.connections.load(), "counted client connections");
  for (std::size_t i = 0; i < snapshot_->config().backends.size(); ++i) {
    expect_none(snapshot_->backends().open(i), "counted backend connections");
    expect_none(snapshot_->backends().idle(i), "counted idle backend connections");
  }
}

void World::on_client_gone() {
  gate_.connections.fetch_sub(1);
  acceptor_->on_room();
}

}  // namespace millrace::testing
