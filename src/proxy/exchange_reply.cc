// Answers that the proxy gives itself, what all answers have in common, and the log.
#include <fmt/format.h>

#include <cstring>
#include <string>
#include <utility>

#include "base/log.h"
#include "http/fields.h"
#include "http/writer.h"
#include "proxy/client_conn.h"
#include "proxy/exchange.h"
#include "proxy/proxy.h"

namespace millrace::proxy {
namespace {

constexpr bool closes(int status) {
  return status == 400 || status == 408 || status == 413 || status == 414 || status == 431 ||
         status == 501 || status == 505;
}

}  // namespace

void Exchange::reply_error(const Own& own, std::string_view log_text) {
  if (closes(own.status)) keep_alive_ = false;
  if (!log_text.empty()) log(fmt::format("{} {}", own.status, log_text), own.status >= 500);
  std::string& body = proxy_.text();
  std::string_view type;
  if (found_.site != nullptr) {
    for (const config::ErrorPage& page : found_.site->error_pages) {
      if (page.status != own.status) continue;
      body = page.body;
      type = page.content_type;
    }
  }
  if (type.empty()) {
    const http::Field* accept = head_ == nullptr ? nullptr : http::find(head_->fields, "accept");
    const bool json = accept != nullptr && http::prefers_json(accept->value);
    type = json ? "application/json" : "text/html; charset=utf-8";
    body.clear();
    http::error_body(own.status, json, own.status >= 500 ? request_id() : std::string_view(), body);
  }
  reply_text(own.status, type, body, own);
}

void Exchange::reply_text(int status, std::string_view type, std::string_view body,
                          const Own& own) {
  if (!message_ended_) keep_alive_ = false;
  const bool no_body = status == 204 || status == 304;
  buffer::Chain text(proxy_.loop().blocks);
  http::HeadWriter writer(text, status, {});
  if (!type.empty() && !no_body) writer.field("Content-Type", type);
  if (!no_body) writer.field("Content-Length", body.size());
  if (!own.extra_name.empty()) writer.field(own.extra_name, own.extra_value);
  if (found_.route != nullptr) write_added(writer);
  if (!own.error_class.empty()) {
    writer.field("Millrace-Error", own.error_class);
    writer.field("X-Request-Id", request_id());
  }
  write_common(writer, false, false);
  writer.end();
  if (!no_body && (head_ == nullptr || head_->method != http::Method::Head)) text.append_copy(body);
  emit(text);
  finish();
}

void Exchange::write_common(http::HeadWriter& writer, bool has_date, bool has_server) {
  if (!has_date) writer.field("Date", proxy_.date());
  if (!has_server && proxy_.config().server.server_tokens) writer.field("Server", "millrace");
  if (!client_->may_keep()) keep_alive_ = false;
  if (!keep_alive_) {
    writer.field("Connection", "close");
  } else if (head_ != nullptr && head_->minor_version == 0) {
    writer.field("Connection", "keep-alive");
  }
}

// Sends a head, less what on_half_close() has sent of it.
void Exchange::emit(buffer::Chain& text) {
  text.consume(std::exchange(prefix_sent_, std::uint8_t{0}));
  client_->out().append_all(text);
}

std::string_view Exchange::request_id() {
  if (!has_id_) proxy_.make_request_id(id_);
  has_id_ = true;
  return {id_.data(), id_.size()};
}

RequestFacts Exchange::facts() {
  if (!texts_set_) {
    remote_text_.set(client_->remote());
    local_text_.set(client_->local());
    texts_set_ = true;
  }
  RequestFacts facts;
  facts.remote_addr = remote_text_.host();
  facts.remote_port = remote_text_.port();
  facts.server_addr = local_text_.host();
  facts.server_port = local_text_.port();
  facts.request_id = request_id();
  return facts;
}

TemplateInput Exchange::template_input() {
  facts_ = facts();
  route::Script script;
  if (found_.route->handler == config::Handler::Target) {
    script = generation_->snapshot()
                 .environment(found_, member_index_)
                 .script(head_->path, proxy_.scratch().script);
  }
  return {.head = *head_,
          .facts = facts_,
          .site = *found_.site,
          .script_name = script.script_name,
          .path_info = script.path_info};
}

const config::Timeouts& Exchange::timeouts() const {
  return found_.route != nullptr ? found_.route->timeouts : proxy_.config().timeouts;
}

// One line about a request that went wrong: what, whose, and where it went.
void Exchange::log(std::string_view text, bool error) {
  const base::Level level = error ? base::Level::Error : base::Level::Info;
  if (!base::Log::enabled(level)) return;
  std::string line(text);
  if (error_ != 0) line += fmt::format(" ({})", std::strerror(error_));
  if (head_ != nullptr) line += fmt::format("; request: {} {}", head_->method_text, head_->target);
  if (pool_ != nullptr) line += fmt::format("; backend: {}", pool_->backend().address.text());
  if (pool_ != nullptr && head_ != nullptr) {
    const config::Balancer& balancer = generation_->config().balancers[found_.route->balancer];
    if (!balancer.plain) {
      line += fmt::format("; balancer: {}, member: {}", balancer.name, member().name);
    }
    const route::Script script = generation_->snapshot()
                                     .environment(found_, member_index_)
                                     .script(head_->path, proxy_.scratch().script);
    line += fmt::format("; SCRIPT_FILENAME: {}; {} body bytes received, {} sent",
                        script.script_filename, request_.received(), response_.sent());
  }
  facts();
  line += fmt::format("; client: {}", remote_text_.host());
  base::Log::write(level, request_id(), line);
}

}  // namespace millrace::proxy
