#include "proxy/proxy.h"

#include <sys/random.h>

#include <ctime>
#include <utility>

namespace millrace::proxy {

Proxy::Proxy(io::Loop& loop, std::size_t worker, std::shared_ptr<Snapshot> snapshot,
             Listener& listener)
    : loop_(loop),
      listener_(listener),
      spools_(loop),
      generation_(std::make_unique<Generation>(loop, worker, std::move(snapshot), spools_)) {
  MUST(::getrandom(id_state_.data(), sizeof id_state_, 0) == sizeof id_state_);
  id_state_[0] |= 1;
}

Proxy::~Proxy() = default;

void Proxy::adopt(io::Fd fd, std::size_t listener) {
  ClientConn* client = clients_.make(*this, listener);
  open_.push_back(*client);
  client->start(fd, io::Endpoint::of(loop_.ring.local_address(fd)));
  if (draining_) client->keep_no_more();
  if (stopped_) client->close();
}

void Proxy::drain() {
  draining_ = true;
  ClientConn* next = nullptr;
  for (ClientConn* client = open_.front(); client != nullptr; client = next) {
    next = open_.next(*client);
    client->drain();
  }
  generation_->drain();
}

void Proxy::stop() {
  stopped_ = true;
  for (ClientConn* client = open_.front(); client != nullptr; client = open_.next(*client)) {
    client->close();
  }
  generation_->drain();
}

bool Proxy::over() const {
  return clients_.in_use() == 0 && spools_.in_use() == 0 && generation_->over();
}

Exchange& Proxy::take_exchange() {
  if (exchanges_.empty()) {
    all_exchanges_.push_back(std::make_unique<Exchange>(*this));
    exchanges_.reserve(all_exchanges_.size());
    return *all_exchanges_.back();
  }
  Exchange* exchange = exchanges_.back();
  exchanges_.pop_back();
  return *exchange;
}

void Proxy::remove(ClientConn& client) {
  client.unlink();
  clients_.destroy(&client);
  listener_.on_client_gone();
}

// The date is the only time of day on the request path; one second is its resolution.
std::string_view Proxy::date() {
  if (loop_.timers.now() >= date_until_) {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    date_second_ = now.tv_sec;
    date_until_ = loop_.timers.now() + io::Millis(1'000 - now.tv_nsec / 1'000'000);
  }
  return date_.at(date_second_);
}

// xorshift128+, seeded by the kernel.
void Proxy::make_request_id(std::array<char, 16>& id) {
  std::uint64_t x = id_state_[0];
  const std::uint64_t y = id_state_[1];
  id_state_[0] = y;
  x ^= x << 23;
  id_state_[1] = x ^ y ^ (x >> 17) ^ (y >> 26);
  std::uint64_t value = id_state_[1] + y;
  for (char& digit : id) {
    digit = "0123456789abcdef"[value >> 60];
    value <<= 4;
  }
}

}  // namespace millrace::proxy
