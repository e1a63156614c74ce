// One request and its answer: where it goes, who serves it, what happens when that fails.
//
//     Head ---> Spooling ---> Waiting ---------------> Streaming ---> Done
//       |  \__________________^  ^   for a place, a       |            ^
//       |                        |   connection           |            |
//       |                        +------------------------+            |
//       |            retry: nothing was answered, nothing sent         |
//       +--------------------------------------------------------------+
//              answered by the proxy itself: refusals, redirects, texts
//
// Exchanges are reused, with their memory; begin() makes one ready. The body's way to the
// application is RequestFlow's, the answer's way back ResponseFlow's.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "balance/plan.h"
#include "http/parser.h"
#include "io/endpoint.h"
#include "io/spool.h"
#include "proxy/request_facts.h"
#include "proxy/request_flow.h"
#include "proxy/response_flow.h"
#include "proxy/template.h"
#include "route/table.h"
#include "upstream/backend_link.h"
#include "upstream/backend_pool.h"

namespace millrace::proxy {

class ClientConn;
class Proxy;
class Generation;

class Exchange final : private upstream::BackendUser,
                       private upstream::Waiter,
                       private io::Spool::User {
 public:
  explicit Exchange(Proxy& proxy);

  void begin(ClientConn& client);

  // For the client's connection.
  [[nodiscard]] http::RequestParser& parser() { return parser_; }
  [[nodiscard]] bool wants_input() const;
  // The request was read whole.
  [[nodiscard]] bool message_ended() const { return message_ended_; }
  [[nodiscard]] config::Millis body_timeout() const { return timeouts().body; }
  void on_head(const buffer::Slice& bytes);
  void on_body(buffer::Slice piece);
  void on_message_end();
  void on_refused();
  void on_header_timeout();
  void on_body_timeout();
  // The client has ended its stream.
  void on_half_close();
  void on_client_sent();
  // The client is gone. The exchange lets go of everything.
  void abandon();
  // The head of the application's answer has been read, and written to the client.
  [[nodiscard]] bool answered() const {
    return response_.state() != ResponseFlow::State::AwaitingHead;
  }

 private:
  enum class State : std::uint8_t { Head, Spooling, Waiting, Streaming, Done };
  enum class Awaiting : std::uint8_t { Nothing, Moment, Place, Connection, Backoff, Response };

  // exchange.cc: routing and the proxy's own answers
  void handle();
  void answer_by_route();
  bool ends_here();
  void begin_target();
  void want_body();
  bool script_exists();
  void end_input();
  void finish();
  void finish_memory();
  void cut(std::string_view why);
  void on_total_timeout();
  void on_watch();
  void on_timeout();
  void on_spool_moved() override;
  void on_spool_failed(int error) override;

  // exchange_dispatch.cc: members, places, connections, retries
  void dispatch();
  void prepare();
  bool encode_records(std::uint16_t id);
  void obtain(bool fresh);
  void send_request();
  void time_backend();
  void try_next_member();
  void no_member();
  void back_off();
  void unreachable();
  void overloaded();
  [[nodiscard]] config::Millis queue_left();
  void fail_over(upstream::BackendFailure failure, std::string_view why);
  [[nodiscard]] bool is_idempotent() const;
  [[nodiscard]] bool may_be_sent_twice() const;  // by some member
  void give_up_backend(bool drain);
  void await(Awaiting what, config::Millis timeout);
  void on_place() override;
  void on_backend_open() override;
  void on_backend_sent() override;
  void on_backend_failed(upstream::BackendFailure failure, std::string_view reason,
                         int error) override;
  void on_request_end(fcgi::EndRequest end) override;
  void on_queue_over();
  void on_connect_timeout();
  void on_response_timeout();

  // exchange_response.cc: the answer
  void on_stdout(buffer::Slice content) override;
  void on_stdout_end() override { stdout_ended_ = true; }
  void on_stderr(std::string_view content) override;
  void on_backend_pause() override;
  bool on_reply_head();
  void forward_interim();
  bool redirect_locally();
  [[nodiscard]] bool intercepts(int status) const;
  void intercept();
  void write_head();
  void write_fields(http::HeadWriter& writer);
  void write_added(http::HeadWriter& writer);
  void finish_response();

  // exchange_reply.cc: answers of the proxy's own
  struct Own {
    int status = 500;
    std::string_view error_class = {};  // Millrace-Error
    std::string_view extra_name = {};
    std::string_view extra_value = {};
  };
  void reply_error(const Own& own, std::string_view log_text);
  void reply_text(int status, std::string_view type, std::string_view body, const Own& own);
  void write_common(http::HeadWriter& writer, bool has_date, bool has_server);
  void emit(buffer::Chain& text);
  void log(std::string_view text, bool error);
  void log_stderr_line(std::string_view line);
  std::string_view request_id();
  RequestFacts facts();
  TemplateInput template_input();

  [[nodiscard]] const config::Member& member() const;
  [[nodiscard]] std::size_t share() const { return member().reuse ? member().multiplex : 0; }
  [[nodiscard]] const config::Timeouts& timeouts() const;

  Proxy& proxy_;
  ClientConn* client_ = nullptr;
  Generation* generation_ = nullptr;
  http::RequestParser parser_;
  buffer::Slice head_bytes_;                 // what the head's views point into
  const http::RequestHead* head_ = nullptr;  // the parser's, or redirected_
  http::RequestHead redirected_;             // after a local redirect
  std::string redirect_target_;
  std::string redirect_scratch_;
  route::Found found_;
  balance::Tried tried_;
  std::size_t member_index_ = 0;
  upstream::BackendPool* pool_ = nullptr;
  upstream::BackendLink* backend_ = nullptr;
  buffer::Chain records_;  // BEGIN_REQUEST and PARAMS, until they are handed to a connection
  std::uint16_t records_id_ = 0;
  RequestFlow request_;
  ResponseFlow response_;
  io::Timer timer_ = io::Timer::to<&Exchange::on_timeout>(this);
  io::Timer total_ = io::Timer::to<&Exchange::on_total_timeout>(this);
  io::Timer watch_ = io::Timer::to<&Exchange::on_watch>(this);
  io::Millis queue_until_{0};
  io::Millis backoff_{0};
  std::array<char, 16> id_{};
  io::EndpointText remote_text_;
  io::EndpointText local_text_;
  RequestFacts facts_;
  std::string stderr_line_;
  int error_ = 0;  // errno of the connection that failed last
  std::uint32_t attempts_ = 0;
  std::uint8_t redirects_ = 0;
  std::uint8_t prefix_sent_ = 0;  // bytes of the status line that were sent ahead
  State state_ = State::Done;
  Awaiting awaiting_ = Awaiting::Nothing;
  bool texts_set_ = false;
  bool has_id_ = false;
  bool keep_alive_ = false;
  bool message_ended_ = false;
  bool continue_sent_ = false;
  bool stdout_ended_ = false;
  bool paused_ = false;
  bool connect_timed_out_ = false;
  bool retried_fresh_ = false;
  bool watching_ = false;  // it has lasted so long that its connections are watched
  bool reused_ = false;    // the connection had served before
  bool overlong_ = false;  // more than the declared length came
};

}  // namespace millrace::proxy
