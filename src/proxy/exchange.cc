#include "proxy/exchange.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "http/fields.h"
#include "proxy/client_conn.h"
#include "proxy/proxy.h"

namespace millrace::proxy {
namespace {

using config::Millis;

// What is allowed where no route says otherwise.
constexpr std::string_view kMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
// A request that lasts longer has its connections watched.
constexpr Millis kWatchAfter{50};
constexpr std::string_view kStatusLineStart = "HTTP/1.1 ";

}  // namespace

Exchange::Exchange(Proxy& proxy)
    : proxy_(proxy),
      records_(proxy.loop().blocks),
      request_(proxy.loop().blocks),
      response_(proxy.loop().blocks) {}

void Exchange::begin(ClientConn& client) {
  client_ = &client;
  generation_ = &proxy_.generation();
  generation_->acquire();
  const config::Limits& limits = generation_->config().limits;
  parser_.reset(
      {.uri = limits.uri, .header_bytes = limits.header_bytes, .headers = limits.headers});
  head_ = nullptr;
  found_ = {};
  request_.reset();
  redirects_ = prefix_sent_ = 0;
  state_ = State::Head;
  texts_set_ = has_id_ = keep_alive_ = message_ended_ = continue_sent_ = false;
  paused_ = connect_timed_out_ = retried_fresh_ = reused_ = overlong_ = false;
  watching_ = false;
  error_ = 0;
  attempts_ = 0;
  backoff_ = Millis(0);
  response_.reset(limits.response_header_bytes);
  stdout_ended_ = false;
}

bool Exchange::wants_input() const {
  if (message_ended_) return false;
  if (state_ == State::Head) return true;
  return state_ != State::Done && request_.wants_more();
}

void Exchange::on_head(const buffer::Slice& bytes) {
  head_bytes_ = bytes;
  head_ = &parser_.head();
  keep_alive_ = head_->keep_alive && client_->may_keep();
  if (!head_->has_body()) end_input();
  if (head_->asterisk) return reply_text(204, {}, {}, {});
  found_ = generation_->snapshot().routes().find(client_->listener(), head_->host_name, head_->path,
                                                 head_->method_text);
  handle();
}

// Ends the message where no body follows: the parser must hear of it.
void Exchange::end_input() {
  if (!head_->has_body()) static_cast<void>(parser_.next({}));
  message_ended_ = true;
  request_.end();
}

void Exchange::handle() {
  switch (found_.outcome) {
    case route::Outcome::NoSite:
      return reply_error({.status = 421}, {});
    case route::Outcome::NoRoute:
      return reply_error({.status = 404}, {});
    case route::Outcome::MethodNotAllowed:
      return reply_error({.status = 405, .extra_name = "Allow", .extra_value = found_.allow}, {});
    case route::Outcome::Route:
      break;
  }
  const config::Route& route = *found_.route;
  client_->set_send_timeout(route.timeouts.send);
  const std::uint64_t body_max = route.limits.body;
  if (body_max > 0 && head_->content_length.value_or(0) > body_max) {
    return reply_error({.status = 413}, {});
  }
  if (route.handler != config::Handler::Target) return answer_by_route();
  if (head_->method == http::Method::Options && ends_here()) return;
  begin_target();
}

// RFC 9110 7.6.2: OPTIONS is answered by the last recipient that Max-Forwards allows. True: it has
// been answered.
bool Exchange::ends_here() {
  const http::Field* left = http::find(head_->fields, "max-forwards");
  if (left == nullptr) return false;
  const std::string_view digits = left->value;
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) {
    reply_error({.status = 400}, "Max-Forwards is not a number");
    return true;
  }
  if (digits.find_first_not_of('0') != std::string_view::npos) return false;
  reply_text(
      204, {}, {},
      {.extra_name = "Allow", .extra_value = found_.allow.empty() ? kMethods : found_.allow});
  return true;
}

void Exchange::answer_by_route() {
  const config::Route& route = *found_.route;
  std::string& text = proxy_.text();
  text.clear();
  if (route.handler == config::Handler::Redirect) {
    expand(route.redirect_to, template_input(), Escape::Uri, text);
    return reply_text(route.status, {}, {}, {.extra_name = "Location", .extra_value = text});
  }
  expand(route.body, template_input(), Escape::None, text);
  reply_text(route.status, "text/plain; charset=utf-8", text, {});
}

void Exchange::begin_target() {
  const config::Route& route = *found_.route;
  response_.reset(route.limits.response_header_bytes);
  if (route.check_file && !script_exists()) {
    return reply_error({.status = 404}, "the script is not there");
  }
  if (route.timeouts.total > Millis(0) && !total_.armed()) {
    proxy_.loop().timers.arm(total_, route.timeouts.total);
  }
  if (!watching_) proxy_.loop().timers.arm(watch_, kWatchAfter);
  tried_.clear();
  queue_until_ = Millis(0);
  const bool unknown_length = head_->chunked;
  const bool spool =
      !request_.ended() && (route.request_buffering == config::Buffering::On ||
                            (unknown_length && route.request_buffering == config::Buffering::Auto));
  request_.begin(spool ? &proxy_.spools().open(*this) : nullptr, may_be_sent_twice());
  if (!spool) return dispatch();
  state_ = State::Spooling;
  want_body();
}

// RFC 9110 9.2.2, as far as it is known what the method does.
bool Exchange::is_idempotent() const {
  using http::Method;
  const Method method = head_->method;
  return method == Method::Get || method == Method::Head || method == Method::Options ||
         method == Method::Put || method == Method::Delete;
}

bool Exchange::may_be_sent_twice() const {
  const auto& members = generation_->config().balancers[found_.route->balancer].members;
  return is_idempotent() || std::ranges::any_of(members, &config::Member::retry_non_idempotent);
}

// `check_file`: the question is put to the file system directly, as nginx's try_files does; what it
// knows of a script that is in use lies in memory.
bool Exchange::script_exists() {
  const route::Script script =
      generation_->snapshot().environment(found_, 0).script(head_->path, proxy_.scratch().script);
  struct stat found {};
  const std::string name(script.script_filename);
  return ::stat(name.c_str(), &found) == 0 && S_ISREG(found.st_mode);
}

void Exchange::on_spool_moved() {
  if (state_ == State::Streaming && backend_ != nullptr) {
    request_.pump();
    backend_->flush();
  }
  if (!message_ended_) client_->pump();
}

// What was sent of a body that cannot be read back to its end is given up, and so never looks
// whole. A full disk, or no descriptor, may pass.
void Exchange::on_spool_failed(int error) {
  give_up_backend(true);
  error_ = error;
  constexpr std::string_view kWhy = "the request body cannot be kept in a temporary file";
  if (answered()) return cut(kWhy);
  const bool passes = error == ENOSPC || error == EDQUOT || error == EMFILE || error == ENFILE;
  reply_error({.status = passes ? 503 : 500,
               .error_class = "spool-failed",
               .extra_name = passes ? "Retry-After" : "",
               .extra_value = passes ? "1" : ""},
              kWhy);
}

// 100 Continue is sent when the body is first wanted, and never after an answer has begun.
void Exchange::want_body() {
  if (!head_->expect_continue || continue_sent_ || message_ended_ || answered()) return;
  continue_sent_ = true;
  if (request_.received() > 0) return;  // The client has not waited for it.
  client_->out().append_copy("HTTP/1.1 100 Continue\r\n\r\n");
  client_->flush();
}

void Exchange::on_body(buffer::Slice piece) {
  const std::uint64_t body_max = found_.route->limits.body;
  if (body_max > 0 && request_.received() + piece.size() > body_max) {
    give_up_backend(false);
    if (answered()) return cut("the request body is over its limit");
    return reply_error({.status = 413}, {});
  }
  if (!request_.add(std::move(piece))) return on_spool_failed(request_.spool_error());
  if (state_ != State::Streaming || backend_ == nullptr) return;
  request_.pump();
  backend_->flush();
  time_backend();
}

void Exchange::on_message_end() {
  end_input();
  if (state_ == State::Spooling) return dispatch();
  if (state_ != State::Streaming || backend_ == nullptr) return;
  request_.pump();
  backend_->flush();
  time_backend();
}

void Exchange::on_refused() {
  const http::Refusal refusal = parser_.refusal();
  if (state_ == State::Head) head_ = refusal.keep_alive_ok ? &parser_.head() : nullptr;
  if (refusal.keep_alive_ok) {
    keep_alive_ = head_->keep_alive && client_->may_keep();
    message_ended_ = true;
  }
  if (state_ != State::Head) {
    // Inside the body.
    give_up_backend(false);
    if (answered()) return cut(refusal.reason);
  }
  const bool method = refusal.status == 405;
  reply_error({.status = refusal.status,
               .extra_name = method ? "Allow" : "",
               .extra_value = method ? kMethods : ""},
              refusal.reason);
}

void Exchange::on_header_timeout() {
  head_ = nullptr;
  reply_error({.status = 408}, {});
}

void Exchange::on_body_timeout() {
  give_up_backend(false);
  if (answered()) return cut("the client stopped sending its body");
  reply_error({.status = 408}, "the client stopped sending its body");
}

// Whether the client has only ended its own direction, or has gone, shows when something is sent: a
// client that has gone answers with a reset. Every answer begins with the same nine bytes, so those
// can be sent before the answer is known; and a chunk's size may begin with a zero.
void Exchange::on_half_close() {
  if (state_ == State::Done || !client_->out().empty() || prefix_sent_ > 0) return;
  if (head_->expect_continue && !continue_sent_) return;
  if (!answered()) {
    client_->out().append_copy(kStatusLineStart);
    prefix_sent_ = kStatusLineStart.size();
  } else if (!response_.probe(client_->out())) {
    return;
  }
  client_->flush();
}

void Exchange::on_client_sent() {
  if (!paused_ || backend_ == nullptr) return;
  if (client_->out().size() > found_.route->limits.response_buffer / 2) return;
  paused_ = false;
  await(Awaiting::Response, timeouts().response);
  backend_->resume();  // May end the exchange.
}

void Exchange::abandon() {
  if (state_ != State::Done && state_ != State::Head && pool_ != nullptr && !response_.begun()) {
    generation_->balancers().report_abandoned(found_.route->balancer, member_index_,
                                              proxy_.loop().timers.now());
  }
  give_up_backend(true);
  finish_memory();
}

void Exchange::on_total_timeout() {
  give_up_backend(true);
  if (answered()) return cut("the total time is over");
  reply_error({.status = 504, .error_class = "total-timeout"}, "the total time is over");
}

void Exchange::on_watch() {
  watching_ = true;
  client_->watch();
  if (backend_ != nullptr) backend_->watch();
}

// The answer is complete in the client's out(). The client's connection goes on to its next request
// in here, with this very exchange perhaps: nothing may be touched afterwards.
void Exchange::finish() {
  const bool keep =
      keep_alive_ && message_ended_ && response_.framing() != ResponseFlow::Framing::UntilClose;
  const bool asked = head_ != nullptr && !head_->keep_alive && message_ended_;
  const auto close = asked ? ClientConn::After::Close : ClientConn::After::Linger;
  ClientConn* client = client_;
  finish_memory();
  client->finish(keep ? ClientConn::After::Keep : close);
}

void Exchange::cut(std::string_view why) {
  log(why, true);
  // An answer without a body was complete with its head.
  if (response_.framing() == ResponseFlow::Framing::None) return finish();
  const bool shows = response_.framing() == ResponseFlow::Framing::Chunked ||
                     response_.framing() == ResponseFlow::Framing::Length;
  response_.flush(client_->out());
  ClientConn* client = client_;
  finish_memory();
  client->finish(shows ? ClientConn::After::Linger : ClientConn::After::Reset);
}

// Lets go of everything but the client's connection, which gives the exchange back.
void Exchange::finish_memory() {
  state_ = State::Done;
  timer_.disarm();
  total_.disarm();
  watch_.disarm();
  if (pool_ != nullptr) pool_->leave(*this);
  if (!stderr_line_.empty()) log_stderr_line(std::exchange(stderr_line_, {}));
  request_.reset();
  records_.clear();
  head_bytes_ = {};
  pool_ = nullptr;
  std::exchange(generation_, nullptr)->release();
}

}  // namespace millrace::proxy
