#include "sim/oracle.h"

#include <algorithm>
#include <iterator>

#include "base/ascii.h"

namespace millrace::testing {
namespace {

// Methods that a proxy may send twice (RFC 9110 9.2.2, and the configuration's words).
bool may_run_twice(const std::string& method) {
  constexpr const char* kMethods[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"};
  return std::ranges::find(kMethods, method) != std::end(kMethods);
}

// What the proxy may say of its own accord.
bool own_status(int status) {
  constexpr int kStatuses[] = {400, 408, 413, 431, 500, 502, 503, 504};
  return std::ranges::find(kStatuses, status) != std::end(kStatuses);
}

// Refusing what it could not read to the end, the proxy does not know that it was a HEAD request.
bool body_for_head(const FakeClient& client) {
  if (client.replies().empty()) return false;
  const Reply& last = client.replies().back();
  const bool blind = last.status == 400 || last.status == 408 || last.status == 431;
  const auto length = base::parse_decimal(last.field("content-length"));
  return blind && last.field("x-tag").empty() && last.field("connection") == "close" &&
         last.body.empty() && length && client.surplus().size() <= *length;
}

std::string text(const Reply& reply) {
  std::string text = std::to_string(reply.status) + " with " + std::to_string(reply.body.size()) +
                     " bytes" + (reply.until_close ? " until close" : "");
  for (const auto& [name, value] : reply.fields)
    text += "; " + name + ": " + value;
  return text;
}

}  // namespace

void Oracle::judge(const FakeClient& client, const std::vector<std::string>& tags) {
  if (!client.surplus().empty() && !body_for_head(client)) {
    blame(tags.front() + ": bytes that answer no request: " + client.surplus().substr(0, 200));
  }
  if (client.end() == FakeClient::End::BadReply) {
    blame(tags.front() + ": a reply that is not HTTP: " + client.bad_line());
  }
  for (std::size_t i = 0; i < client.replies().size(); ++i) {
    judge_reply(*ledger_.find(tags[i]), client.replies()[i]);
  }
  if (client.rest_started() && client.replies().size() < tags.size()) {
    judge_rest(client, *ledger_.find(tags[client.replies().size()]));
  }
  if (ledger_.find(tags.front())->calm) judge_calm(client, tags);
}

void Oracle::judge_reply(const Expected& expected, const Reply& reply) {
  const std::string tag = reply.field("x-tag");
  if (tag.empty()) {
    // A malformed body may be met by a refusal that has nothing to do with it.
    const bool fits = own_status(reply.status) || (expected.malformed && reply.status == 505);
    if (!fits) blame(expected.tag + ": answered by the proxy with " + text(reply));
    return;
  }
  if (tag != expected.tag) return blame(expected.tag + ": the answer of " + tag);
  const auto number = base::parse_decimal(reply.field("x-run"));
  if (!number || *number >= ledger_.runs(tag).size()) return blame(tag + ": an answer of no run");
  const Run& run = ledger_.runs(tag)[*number];
  if (reply.status != run.status) blame(tag + ": a wrong status: " + text(reply));
  const std::size_t size = expected.method == "HEAD" ? 0 : run.body_bytes;
  if (reply.body.size() != size) {
    return blame(tag + ": looks whole, should have " + std::to_string(size) + ": " + text(reply));
  }
  if (reply.body != tagged_body(tag + ">", size)) blame(tag + ": a body with wrong bytes");
}

// A cut answer: what came of it is the beginning of the right one.
void Oracle::judge_rest(const FakeClient& client, const Expected& expected) {
  const Reply& rest = client.rest();
  const std::string tag = rest.field("x-tag");
  if (tag.empty()) return;
  if (tag != expected.tag) return blame(expected.tag + ": a piece of the answer of " + tag);
  if (rest.body != tagged_body(tag + ">", rest.body.size())) {
    blame(tag + ": a cut body with wrong bytes");
  }
}

void Oracle::judge_calm(const FakeClient& client, const std::vector<std::string>& tags) {
  if (client.replies().size() != tags.size()) {
    blame(tags.front() + ": only " + std::to_string(client.replies().size()) + " of " +
          std::to_string(tags.size()) + " calm requests answered, end " +
          std::to_string(static_cast<int>(client.end())));
  }
  for (const Reply& reply : client.replies()) {
    if (reply.field("x-tag").empty()) {
      blame(tags.front() + ": refused though nothing is wrong: " + text(reply) + " " +
            reply.field("millrace-error"));
    }
  }
}

void Oracle::judge(const AppRequest& request) {
  const std::string tag = request.at("HTTP_X_TAG");
  const Expected* expected = ledger_.find(tag);
  if (expected == nullptr) return blame("an application got a request of nobody: " + tag);
  if (request.at("QUERY_STRING") != "q=" + tag) blame(tag + ": the query of another");
  // After a local redirect the request has no body any more (RFC 3875 6.2.2).
  const bool redirected = request.at("REQUEST_URI").find("again") != std::string::npos;
  const std::size_t size = redirected ? 0 : expected->body_bytes;
  if (request.stdin_bytes != tagged_body(tag + "<", size)) {
    blame(tag + ": STDIN of " + std::to_string(request.stdin_bytes.size()) + " bytes, not the " +
          std::to_string(size) + " that were sent");
  }
}

void Oracle::judge_runs() {
  for (const auto& [tag, expected] : ledger_.all()) {
    // After a local redirect it is a GET, whatever it was before.
    const auto once = std::ranges::count_if(ledger_.runs(tag), [](const Run& run) {
      return !run.declined && !may_run_twice(run.method);
    });
    if (once > 1)
      blame(tag + ": " + expected.method + " was run " + std::to_string(once) + " times");
  }
}

}  // namespace millrace::testing
