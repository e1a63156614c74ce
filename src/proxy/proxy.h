// All that one worker's connections share: the configuration they serve, the connections to the
// applications, the memory of finished exchanges, the date.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/list.h"
#include "base/slab.h"
#include "http/date.h"
#include "io/loop.h"
#include "io/spool.h"
#include "proxy/cgi_env.h"
#include "proxy/client_conn.h"
#include "proxy/exchange.h"
#include "proxy/generation.h"

namespace millrace::proxy {

class Proxy {
 public:
  // Told when a client's connection is gone.
  class Listener {
   public:
    virtual void on_client_gone() = 0;

   protected:
    ~Listener() = default;
  };

  // `worker`: the index of the worker whose it is, in the snapshot's post.
  Proxy(io::Loop& loop, std::size_t worker, std::shared_ptr<Snapshot> snapshot, Listener& listener);
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;
  ~Proxy();

  // Takes a new connection of the listener with that index.
  void adopt(io::Fd fd, std::size_t listener);
  // Another worker has woken this one.
  void on_woken() { generation_->on_woken(); }
  // No more requests than those that run.
  void drain();
  // Closes everything at once.
  void stop();
  // No connection is left, on either side, and no file.
  [[nodiscard]] bool over() const;
  [[nodiscard]] std::size_t clients() const { return clients_.in_use(); }

  // For the connections.
  [[nodiscard]] io::Loop& loop() { return loop_; }
  [[nodiscard]] Generation& generation() { return *generation_; }
  [[nodiscard]] const config::Config& config() const { return generation_->config(); }
  [[nodiscard]] Exchange& take_exchange();
  void give_back(Exchange& exchange) { exchanges_.push_back(&exchange); }
  [[nodiscard]] io::Spools& spools() { return spools_; }
  void remove(ClientConn& client);
  [[nodiscard]] bool draining() const { return draining_; }

  // The present time as an IMF-fixdate.
  [[nodiscard]] std::string_view date();
  [[nodiscard]] EnvScratch& scratch() { return scratch_; }
  [[nodiscard]] std::string& text() { return text_; }  // for whoever needs it, for one call
  // Sixteen hexadecimal digits, hard to guess and not repeated.
  void make_request_id(std::array<char, 16>& id);

 private:
  io::Loop& loop_;
  Listener& listener_;
  io::Spools spools_;
  std::unique_ptr<Generation> generation_;
  base::Slab<ClientConn> clients_{64};
  base::List<ClientConn, ClientTag> open_;
  std::vector<std::unique_ptr<Exchange>> all_exchanges_;
  std::vector<Exchange*> exchanges_;  // free
  http::DateText date_;
  EnvScratch scratch_;
  std::string text_;
  io::Millis date_until_{0};
  std::int64_t date_second_ = 0;
  std::array<std::uint64_t, 2> id_state_{};
  bool draining_ = false;
  bool stopped_ = false;
};

}  // namespace millrace::proxy
