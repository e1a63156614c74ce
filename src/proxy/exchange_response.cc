// The answer's way from the application to the client.
#include <algorithm>
#include <string>
#include <utility>

#include "base/ascii.h"
#include "base/log.h"
#include "fcgi/reply_head.h"
#include "http/path.h"
#include "http/writer.h"
#include "proxy/client_conn.h"
#include "proxy/exchange.h"
#include "proxy/proxy.h"

namespace millrace::proxy {
namespace {

using Event = fcgi::ReplyHead::Event;

constexpr std::uint8_t kRedirectsMax = 10;
constexpr std::size_t kStderrLineMax = 4096;

}  // namespace

void Exchange::on_stdout(buffer::Slice content) {
  if (stdout_ended_) return;  // Nothing follows the end of a stream.
  while (response_.state() == ResponseFlow::State::AwaitingHead) {
    if (content.empty()) return;
    const Event event = response_.read_head(content);
    if (event == Event::NeedMore) return;
    if (event == Event::Bad) {
      const std::string why(response_.head().error());
      give_up_backend(true);
      return reply_error({.status = 502, .error_class = "backend-bad-response"}, why);
    }
    if (!on_reply_head()) return;
  }
  if (content.empty()) return;
  if (response_.add(std::move(content))) return;
  if (overlong_) return;
  overlong_ = true;
  log("the application's body is longer than its Content-Length; it was cut there", true);
}

// False: the exchange is over, or has gone elsewhere.
bool Exchange::on_reply_head() {
  if (response_.head().interim()) {
    forward_interim();
    response_.next_head();
    return true;
  }
  generation_->balancers().report_success(found_.route->balancer, member_index_);
  if (response_.head().local_redirect()) return redirect_locally();
  if (intercepts(response_.head().status())) {
    intercept();
    return false;
  }
  write_head();
  return true;
}

bool Exchange::intercepts(int status) const {
  const std::vector<int>& statuses = found_.route->intercept_errors;
  return !statuses.empty() && std::ranges::find(statuses, status) != statuses.end();
}

// The application's status with the proxy's own page. How to authenticate is kept: a 401 is no use
// without it (RFC 9110 11.6.1).
void Exchange::intercept() {
  Own own{.status = response_.head().status()};
  std::string challenge;
  for (const fcgi::Field& field : response_.head().fields()) {
    if (!base::equal_ignoring_case(field.name, "www-authenticate")) continue;
    challenge = field.value;
    own.extra_name = "WWW-Authenticate";
    own.extra_value = challenge;
  }
  std::exchange(backend_, nullptr)->detach();
  request_.stop();
  reply_error(own, {});
}

// 103 goes on to clients that know interim answers; 100 is for the proxy alone.
void Exchange::forward_interim() {
  fcgi::ReplyHead& head = response_.head();
  if (head.status() != 103 || head_->minor_version == 0) return;
  buffer::Chain text(proxy_.loop().blocks);
  http::HeadWriter writer(text, 103, {});
  for (const fcgi::Field& field : head.fields()) {
    if (!field.withheld()) writer.field(field.name, field.value);
  }
  writer.end();
  emit(text);
  client_->flush();
}

// RFC 3875 6.2.2: the request is routed again, inside the site, as a GET without a body.
bool Exchange::redirect_locally() {
  if (++redirects_ > kRedirectsMax) {
    give_up_backend(true);
    reply_error({.status = 502, .error_class = "redirect-loop"}, "too many local redirects");
    return false;
  }
  redirect_target_ = response_.head().location();
  const std::string_view target = redirect_target_;
  const std::size_t mark = target.find('?');
  const auto path = http::normalize_path(target.substr(0, mark), redirect_scratch_);
  std::exchange(backend_, nullptr)->detach();
  request_.stop();
  timer_.disarm();
  if (!path) {
    reply_error({.status = 502, .error_class = "backend-bad-response"},
                "a local redirect to a path that is not valid");
    return false;
  }
  if (head_ != &redirected_) redirected_ = *head_;
  head_ = &redirected_;
  redirected_.method = head_->method == http::Method::Head ? http::Method::Head : http::Method::Get;
  redirected_.method_text = http::text_of(redirected_.method);
  redirected_.target = target;
  redirected_.raw_path = target.substr(0, mark);
  redirected_.path = *path;
  redirected_.has_query = mark != std::string_view::npos;
  redirected_.query = redirected_.has_query ? target.substr(mark + 1) : std::string_view();
  redirected_.content_length.reset();
  redirected_.chunked = redirected_.expect_continue = false;
  if (!message_ended_) keep_alive_ = false;
  response_.reset(generation_->config().limits.response_header_bytes);
  stdout_ended_ = retried_fresh_ = connect_timed_out_ = false;
  request_.reset();
  request_.end();
  found_ = generation_->snapshot().routes().find_in_site(found_.site_index, redirected_.path,
                                                         redirected_.method_text);
  handle();
  return false;
}

void Exchange::write_head() {
  fcgi::ReplyHead& reply = response_.head();
  const int status = reply.status();
  const bool body = head_->method != http::Method::Head && status != 204 && status != 304;
  response_.begin_body(body, head_->minor_version);
  buffer::Chain text(proxy_.loop().blocks);
  http::HeadWriter writer(text, status, reply.status_reason());
  write_fields(writer);
  writer.end();
  emit(text);
}

void Exchange::write_fields(http::HeadWriter& writer) {
  const config::Route& route = *found_.route;
  bool date = false;
  bool server = false;
  const bool length = response_.framing() != ResponseFlow::Framing::None ||
                      head_->method == http::Method::Head || response_.head().status() == 304;
  for (const fcgi::Field& field : response_.head().fields()) {
    if (field.withheld()) continue;
    if (field.kind == fcgi::FieldKind::ContentLength && !length) continue;
    if (!route.remove_headers.empty() &&
        std::ranges::any_of(route.remove_headers, [&](const std::string& name) {
          return base::equal_ignoring_case(name, field.name);
        })) {
      continue;
    }
    date = date || field.kind == fcgi::FieldKind::Date;
    server = server || field.kind == fcgi::FieldKind::Server;
    writer.field(field.name, field.value);
  }
  write_added(writer);
  if (response_.framing() == ResponseFlow::Framing::Chunked) {
    writer.field("Transfer-Encoding", "chunked");
  }
  if (response_.framing() == ResponseFlow::Framing::UntilClose) keep_alive_ = false;
  write_common(writer, date, server);
}

void Exchange::write_added(http::HeadWriter& writer) {
  std::string text;
  for (const config::HeaderEntry& entry : found_.route->add_headers) {
    text.clear();
    expand(entry.value, template_input(), Escape::None, text);
    writer.field(entry.name, text);
  }
}

// All of what has come at once is there: it leaves in one piece.
void Exchange::on_backend_pause() {
  if (!answered()) return;
  response_.flush(client_->out());
  client_->flush();
  if (response_.full()) {
    // Nothing more can come; the end of the request is not the client's business.
    std::exchange(backend_, nullptr)->detach();
    request_.stop();
    return finish_response();
  }
  if (awaiting_ == Awaiting::Response) await(Awaiting::Response, timeouts().response);
  if (client_->out().size() <= found_.route->limits.response_buffer) return;
  paused_ = true;
  backend_->pause();
  timer_.disarm();
}

void Exchange::finish_response() {
  if (!response_.finish(client_->out())) return cut("the application's body is too short");
  finish();
}

void Exchange::on_stderr(std::string_view content) {
  while (!content.empty()) {
    const std::size_t end = content.find('\n');
    const std::string_view piece = content.substr(0, end);
    stderr_line_.append(
        piece.substr(0, kStderrLineMax - std::min(kStderrLineMax, stderr_line_.size())));
    if (end == std::string_view::npos) return;
    log_stderr_line(stderr_line_);
    stderr_line_.clear();
    content.remove_prefix(end + 1);
  }
}

void Exchange::log_stderr_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty()) return;
  base::Log::write(base::Level::Error, request_id(), "stderr: " + std::string(line));
}

}  // namespace millrace::proxy
