// How an exchange gets a connection to an application, and what it does when that fails.
#include <algorithm>
#include <string>
#include <utility>

#include "fcgi/record_writer.h"
#include "proxy/client_conn.h"
#include "proxy/exchange.h"
#include "proxy/proxy.h"

namespace millrace::proxy {
namespace {

using config::Millis;

constexpr Millis kBackoffFirst{5};
constexpr Millis kBackoffMax{100};

}  // namespace

// Picks a member and asks for a connection to it.
void Exchange::dispatch() {
  state_ = State::Waiting;
  const std::size_t balancer = found_.route->balancer;
  const auto picked = generation_->balancers().pick(balancer, tried_, proxy_.loop().timers.now());
  if (!picked) return no_member();
  member_index_ = *picked;
  pool_ = &generation_->pool(member().backend);
  prepare();
}

// One connection for one request is the rule; the id of a lane is known only later.
void Exchange::prepare() {
  records_.clear();
  if (pool_->shares(share()) || encode_records(upstream::BackendConn::kRequestId)) obtain(false);
}

const config::Member& Exchange::member() const {
  return generation_->config().balancers[found_.route->balancer].members[member_index_];
}

// The request's first records, for the member that was picked. False: the request has been refused.
bool Exchange::encode_records(std::uint16_t id) {
  records_.clear();
  records_id_ = id;
  // A connection that is closed afterwards is kept until its process is proven free.
  const bool keep = member().reuse || (pool_->counts_processes() && member().probe);
  fcgi::begin_request(records_, id, fcgi::Role::Responder, keep);
  fcgi::ParamsWriter params(records_, id);
  std::optional<std::uint64_t> length = head_->content_length;
  if (head_->chunked && request_.ended()) length = request_.received();
  const CgiEnv& environment = generation_->snapshot().environment(found_, member_index_);
  const EnvResult result = environment.encode(*head_, facts(), length, proxy_.scratch(), params);
  if (result == EnvResult::Ok) {
    params.finish();
    return true;
  }
  give_up_backend(false);
  if (result == EnvResult::TooLarge) {
    reply_error({.status = 500}, "a variable that no FastCGI record can hold");
    return false;
  }
  keep_alive_ = false;
  if (result == EnvResult::BadRequest) {
    reply_error({.status = 400}, "two header fields for one variable");
  } else {
    reply_error({.status = 431}, "a header field that no FastCGI record can hold");
  }
  return false;
}

// Asks for a connection to the member; `fresh`: rather not one that has served before.
void Exchange::obtain(bool fresh) {
  const upstream::BackendPool::Wish wish{.fresh = fresh, .share = share()};
  auto acquired = pool_->acquire(*this, wish);
  if (acquired.outcome == upstream::BackendPool::Outcome::Soon) {
    pool_->wait_briefly(*this);
    return await(Awaiting::Moment, upstream::BackendPool::kBriefly);
  }
  if (acquired.outcome == upstream::BackendPool::Outcome::Wait) {
    const Millis left = queue_left();
    if (left <= Millis(0)) return on_queue_over();
    if (!pool_->wait(*this)) return await(Awaiting::Place, left);
    acquired = pool_->acquire(*this, wish);
  }
  if (acquired.link == nullptr) return back_off();
  backend_ = acquired.link;
  if (backend_->ready()) return send_request();
  await(Awaiting::Connection, timeouts().connect);
}

// What is left of the time that the request may wait for a place or for an application that
// refuses.
Millis Exchange::queue_left() {
  const Millis now = proxy_.loop().timers.now();
  if (queue_until_ == Millis(0)) queue_until_ = now + pool_->backend().queue;
  return queue_until_ - now;
}

void Exchange::on_place() {
  timer_.disarm();
  obtain(false);
}

void Exchange::on_backend_open() {
  send_request();
}

void Exchange::send_request() {
  const bool encoded = !records_.empty() && records_id_ == backend_->id();
  if (!encoded && !encode_records(backend_->id())) return;
  state_ = State::Streaming;
  backend_->out().append_all(records_);
  backend_->begin_request({.share = share(),
                           .keep = member().reuse,
                           .probe = member().probe,
                           .careful = head_->path.find(".php") != std::string_view::npos ||
                                      !found_.route->split_path.empty()});
  reused_ = backend_->reused();
  if (watching_) backend_->watch();
  request_.start(*backend_);
  backend_->flush();
  time_backend();
  if (message_ended_) return;
  want_body();
  client_->pump();
}

// The application's silence is timed, but not while it is the client that is awaited.
void Exchange::time_backend() {
  const bool for_client = request_.wants_more() && backend_->out().empty();
  await(Awaiting::Response, for_client || paused_ ? Millis(0) : timeouts().response);
}

void Exchange::on_backend_sent() {
  request_.on_sent();
  request_.pump();
  backend_->flush();
  time_backend();
  if (!message_ended_) client_->pump();
}

void Exchange::await(Awaiting what, Millis timeout) {
  awaiting_ = what;
  if (timeout > Millis(0)) {
    proxy_.loop().timers.arm(timer_, timeout);
  } else {
    timer_.disarm();
  }
}

void Exchange::on_timeout() {
  switch (awaiting_) {
    case Awaiting::Nothing:
      return;
    case Awaiting::Moment:
      pool_->leave(*this);
      return obtain(true);
    case Awaiting::Place:
      return on_queue_over();
    case Awaiting::Connection:
      return on_connect_timeout();
    case Awaiting::Backoff:
      tried_.clear();
      return dispatch();
    case Awaiting::Response:
      return on_response_timeout();
  }
}

void Exchange::on_queue_over() {
  reply_error({.status = 503,
               .error_class = "queue-timeout",
               .extra_name = "Retry-After",
               .extra_value = "1"},
              "no place for the request within the queue's time");
}

void Exchange::on_connect_timeout() {
  give_up_backend(false);
  generation_->balancers().report_failure(found_.route->balancer, member_index_,
                                          proxy_.loop().timers.now());
  connect_timed_out_ = true;
  try_next_member();
}

void Exchange::on_response_timeout() {
  give_up_backend(true);
  if (answered()) return cut("the application stopped in the middle of its answer");
  reply_error({.status = 504, .error_class = "response-timeout"},
              "the application did not answer in time");
}

void Exchange::give_up_backend(bool drain) {
  request_.stop();
  timer_.disarm();
  if (pool_ == nullptr) return;  // Then there is no connection either.
  pool_->leave(*this);
  if (backend_ == nullptr) return;
  std::exchange(backend_, nullptr)->abort(drain && pool_->bounded());
}

// The member could not be reached: another one, or the same again a little later.
void Exchange::try_next_member() {
  tried_.add(member_index_);
  const auto attempts = generation_->config().balancers[found_.route->balancer].attempts;
  ++attempts_;
  if (attempts > 0 && attempts_ >= attempts && !connect_timed_out_) return unreachable();
  if (attempts > 0 && attempts_ >= attempts) return no_member();
  dispatch();
}

// All members have been tried, or none is usable.
void Exchange::no_member() {
  if (connect_timed_out_) {
    return reply_error({.status = 504, .error_class = "connect-timeout"},
                       "connecting to the application took too long");
  }
  if (pool_ == nullptr) return unreachable();
  back_off();
}

// Nothing can be reached at the moment: once more, a little later, as long as the queue's time
// lasts.
void Exchange::back_off() {
  const Millis left = queue_left();
  if (left <= Millis(0)) return unreachable();
  state_ = State::Waiting;
  backoff_ = std::clamp(backoff_ * 2, kBackoffFirst, kBackoffMax);
  attempts_ = 0;
  await(Awaiting::Backoff, std::min(backoff_, left));
}

void Exchange::unreachable() {
  reply_error({.status = 503,
               .error_class = "backend-unreachable",
               .extra_name = "Retry-After",
               .extra_value = "1"},
              "no application could be reached");
}

void Exchange::on_backend_failed(upstream::BackendFailure failure, std::string_view reason,
                                 int error) {
  backend_ = nullptr;
  timer_.disarm();
  request_.stop();
  error_ = error;
  if (failure == upstream::BackendFailure::Refused) {
    generation_->balancers().report_failure(found_.route->balancer, member_index_,
                                            proxy_.loop().timers.now());
    return try_next_member();
  }
  if (answered()) {
    if (failure != upstream::BackendFailure::Protocol && (stdout_ended_ || response_.full())) {
      return finish_response();
    }
    return cut(reason);
  }
  if (failure == upstream::BackendFailure::Unsent ||
      failure == upstream::BackendFailure::Unanswered) {
    return fail_over(failure, reason);
  }
  reply_error({.status = 502, .error_class = "backend-closed-before-response"}, reason);
}

// The connection died before there was an answer. The request is tried again only where nothing of
// it can have been run, or running it twice is harmless.
void Exchange::fail_over(upstream::BackendFailure failure, std::string_view why) {
  const bool harmless = failure == upstream::BackendFailure::Unsent || is_idempotent() ||
                        member().retry_non_idempotent;
  if (reused_ && harmless && request_.can_replay() && !retried_fresh_) {
    retried_fresh_ = true;
    state_ = State::Waiting;
    return obtain(true);
  }
  if (!reused_) {
    generation_->balancers().report_failure(found_.route->balancer, member_index_,
                                            proxy_.loop().timers.now());
  }
  reply_error({.status = 502, .error_class = "backend-closed-before-response"}, why);
}

void Exchange::on_request_end(fcgi::EndRequest end) {
  backend_ = nullptr;
  timer_.disarm();
  request_.stop();
  using fcgi::ProtocolStatus;
  if (end.app_status != 0) {
    log("the application ended with status " + std::to_string(end.app_status), false);
  }
  if (end.protocol_status == ProtocolStatus::RequestComplete) {
    if (answered()) return finish_response();
    const std::string_view why =
        response_.begun() ? response_.head().ended() : "the application ended without an answer";
    return reply_error({.status = 502, .error_class = "backend-bad-response"}, why);
  }
  if (answered()) return cut("the application ended its answer with an error");
  const bool alone = end.protocol_status == ProtocolStatus::CantMpxConn;
  if ((end.protocol_status != ProtocolStatus::Overloaded && !alone) || (alone && retried_fresh_) ||
      response_.begun() || !request_.can_replay()) {
    return reply_error({.status = 502, .error_class = "backend-refused"},
                       "the application refused the request");
  }
  if (alone) {
    retried_fresh_ = true;
    state_ = State::Waiting;
    return obtain(true);
  }
  overloaded();
}

// The application would take no request: another member may.
void Exchange::overloaded() {
  tried_.add(member_index_);
  const auto other =
      generation_->balancers().pick(found_.route->balancer, tried_, proxy_.loop().timers.now());
  if (!other) {
    return reply_error({.status = 503,
                        .error_class = "backend-overloaded",
                        .extra_name = "Retry-After",
                        .extra_value = "1"},
                       "the application is overloaded");
  }
  member_index_ = *other;
  pool_ = &generation_->pool(member().backend);
  state_ = State::Waiting;
  prepare();
}

}  // namespace millrace::proxy
