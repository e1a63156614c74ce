#include "sim/asks.h"

#include <iterator>
#include <utility>

namespace millrace::testing {
namespace {

constexpr std::size_t kAsksMax = 5;

std::string chunked(Choices& choices, std::string_view body) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  while (!body.empty()) {
    const std::size_t size = choices.size(1, body.size());
    std::string digits;
    for (std::size_t rest = size; rest > 0; rest /= 16)
      digits.insert(0, 1, kHex[rest % 16]);
    if (choices.chance(100)) digits.insert(0, "0");
    out.append(digits).append(choices.chance(100) ? ";x=y\r\n" : "\r\n");
    out.append(body.substr(0, size)).append("\r\n");
    body.remove_prefix(size);
  }
  return out + (choices.chance(100) ? "0\r\nX-Trailer: 1\r\n\r\n" : "0\r\n\r\n");
}

std::string malformed(Choices& choices) {
  constexpr std::string_view kTexts[] = {
      "GET /plain/ HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n",
      "GET /plain/%zz HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET /plain/ HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
      "POST /plain/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "\x01\x02\x03\x04\r\n\r\n",
      "GET /plain/ HTTP/9.9\r\nHost: h\r\n\r\n",
  };
  return std::string(kTexts[choices.below(std::size(kTexts))]);
}

// HTTP/1.0 clients send no chunks and expect no 100.
Ask make_ask(Choices& choices, Expected& expected, const ClientManners& manners, bool old) {
  Ask ask;
  if (expected.malformed) {
    ask.bytes = malformed(choices);
    return ask;
  }
  const bool body = choices.chance(manners.bodies);
  constexpr const char* kMethods[] = {"POST", "PUT", "PATCH", "GET"};
  constexpr const char* kBare[] = {"GET", "GET", "GET", "HEAD", "DELETE"};
  expected.method = body ? kMethods[choices.below(4)] : kBare[choices.below(5)];
  expected.body_bytes = body ? choices.size(1, manners.body_max) : 0;
  ask.head = expected.method == "HEAD";
  std::string& text = ask.bytes;
  text = expected.method + " " + kPaths[choices.below(std::size(kPaths))] + "x?q=" + expected.tag;
  text += old ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n";
  text += "Host: h\r\nX-Tag: " + expected.tag + "\r\n";
  if (choices.chance(50)) text += "X-Long: " + std::string(choices.size(1, 6'000), 'l') + "\r\n";
  if (old) text += "Connection: keep-alive\r\n";
  if (!body) {
    text += "\r\n";
    return ask;
  }
  const bool expects = !old && choices.chance(200);
  if (expects) text += "Expect: 100-continue\r\n";
  const bool chunks = !old && choices.chance(400);
  const std::string bytes = tagged_body(expected.tag + "<", expected.body_bytes);
  text += chunks ? "Transfer-Encoding: chunked\r\n\r\n"
                 : "Content-Length: " + std::to_string(bytes.size()) + "\r\n\r\n";
  if (expects) ask.waits_at = text.size();
  text += chunks ? chunked(choices, bytes) : bytes;
  return ask;
}

}  // namespace

ClientStory make_story(Choices& choices, Ledger& ledger, const ClientManners& manners, bool calm,
                       std::size_t number) {
  ClientStory story;
  ClientPlan& plan = story.plan;
  const bool old = choices.chance(manners.http_1_0);
  const std::size_t asks = choices.between(1, calm ? 3 : kAsksMax);
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < asks; ++i) {
    Expected expected;
    expected.tag = "c" + std::to_string(number) + "r" + std::to_string(i);
    expected.calm = calm;
    expected.malformed = i + 1 == asks && choices.chance(manners.malformed);
    plan.asks.push_back(make_ask(choices, expected, manners, old));
    bytes += plan.asks.back().bytes.size();
    story.tags.push_back(expected.tag);
    ledger.expect(std::move(expected));
  }
  plan.pipelined = choices.chance(200);
  if (choices.chance(manners.slow)) {
    plan.write_most = choices.size(1, 4'096);
    plan.read_most = choices.size(1, 4'096);
    plan.gap = Millis(choices.size(0, calm ? 5 : 1'500));
    // A calm client is done in the end.
    if (calm) plan.write_most = plan.read_most = 4'096;
  }
  plan.stays = Millis(choices.size(0, calm ? 10 : 3'000));
  if (choices.chance(manners.leaves)) {
    plan.leave = static_cast<ClientPlan::Leave>(choices.between(1, 3));
    plan.leave_after = choices.size(0, bytes);
  } else if (calm && choices.chance(200)) {
    plan.leave = ClientPlan::Leave::HalfCloses;
  }
  return story;
}

}  // namespace millrace::testing
