#include "sim/answers.h"

#include <algorithm>
#include <string>
#include <utility>

namespace millrace::testing {
namespace {

constexpr Millis kDelayMax{4'000};

class Composer {
 public:
  Composer(Choices& choices, const AppManners& manners, const AppRequest& request)
      : choices_(choices), manners_(manners), request_(request) {}

  Answer compose(Ledger& ledger) {
    const std::string tag = request_.at("HTTP_X_TAG");
    run_.method = request_.at("REQUEST_METHOD");
    if (choices_.chance(manners_.declines)) return decline(ledger, tag);
    if (choices_.chance(manners_.redirects)) return redirect(ledger, tag);
    run_.status = choices_.chance(manners_.odd) ? kStatuses[choices_.below(5)] : 200;
    const bool bodiless = run_.status == 204 || run_.status == 304;
    run_.body_bytes = bodiless ? 0 : choices_.size(0, manners_.body_max);
    const bool declares = !bodiless && choices_.chance(400);
    std::size_t sent = run_.body_bytes;
    if (declares && choices_.chance(manners_.lying)) sent = choices_.size(0, 2 * sent + 10);
    const std::string head = make_head(tag, ledger.runs(tag).size(), declares);
    const std::string body = tagged_body(tag + ">", std::max(sent, run_.body_bytes));
    ledger.add_run(tag, run_);
    records(head + body.substr(0, sent));
    if (choices_.chance(manners_.damaged)) damage();
    if (choices_.chance(manners_.cut)) {
      answer_.cut = choices_.below(answer_.bytes.size() + 1);
      answer_.then = static_cast<Answer::Then>(choices_.between(1, 3));
    }
    set_pace();
    return std::move(answer_);
  }

 private:
  static constexpr int kStatuses[] = {200, 404, 500, 204, 304};
  static constexpr int kId = 1;

  Answer decline(Ledger& ledger, const std::string& tag) {
    run_.declined = true;
    ledger.add_run(tag, run_);
    answer_.bytes = end_request(kId, 0, static_cast<int>(choices_.between(1, 3)));
    answer_.before_stdin = choices_.chance(500);
    return std::move(answer_);
  }

  // Back to the proxy, which asks again without the body.
  Answer redirect(Ledger& ledger, const std::string& tag) {
    run_.declined = true;
    ledger.add_run(tag, run_);
    answer_.bytes = whole_answer(kId, "Location: /plain/again?q=" + tag + "\r\n\r\n");
    return std::move(answer_);
  }

  std::string make_head(const std::string& tag, std::size_t number, bool declares) {
    const std::string end = choices_.chance(manners_.odd) ? "\n" : "\r\n";
    std::string head;
    if (choices_.chance(manners_.odd)) head += "Status: 103" + end + "Link: </a>" + end + end;
    if (run_.status != 200 || choices_.chance(manners_.odd)) {
      head += "Status: " + std::to_string(run_.status) + end;
    }
    head += "Content-Type: text/plain" + end + "X-Tag: " + tag + end;
    head += "X-Run: " + std::to_string(number) + end;
    if (declares) head += "Content-Length: " + std::to_string(run_.body_bytes) + end;
    return head + end;
  }

  void records(std::string_view output) {
    std::string& out = answer_.bytes;
    const bool odd = choices_.chance(manners_.odd);
    const std::size_t most = odd ? std::max(choices_.size(1, 65'535), output.size() / 300) : 65'535;
    while (!output.empty()) {
      if (odd && choices_.chance(100)) noise();
      const std::string_view piece = output.substr(0, most);
      out += record(kStdout, kId, piece, odd ? choices_.size(0, 255) : 0);
      output.remove_prefix(piece.size());
    }
    if (!odd || choices_.chance(800)) out += record(kStdout, kId, {}, odd ? 8 : 0);
    if (odd && choices_.chance(100)) noise();
    out += end_request(kId, odd ? static_cast<std::uint32_t>(choices_.below(3)) : 0);
  }

  // Records that a proxy reads past.
  void noise() {
    std::string& out = answer_.bytes;
    switch (choices_.below(4)) {
      case 0:
        out += record(kStderr, kId, "a\nb\x01\n", 7);
        return;
      case 1:
        out += record(kStderr, kId, std::string(choices_.size(1, 60'000), 'e'), 255);
        return;
      case 2:
        out += record(kStderr, kId, {});
        return;
      default:
        out += record(42, 0, "later versions", 3);
    }
  }

  void damage() {
    std::string& out = answer_.bytes;
    switch (choices_.below(7)) {
      case 0:  // behind END_REQUEST: it spoils the next answer, and cannot look like a part of it
        out += record(kStdout, kId, "surplus\r\n");
        answer_.ends_early = true;
        return;
      case 1:
        out += "x";
        answer_.ends_early = true;
        return;
      case 2:
        out = record(kStdout, kId + 1, "of nobody") + out;
        return;
      case 3:
        out = record(kStdout, 0, "of the connection") + out;
        return;
      case 4:
        out = end_request(kId) + record(kStdout, kId, "no head\r\n");
        answer_.ends_early = true;
        return;
      case 5:
        out = record(kStdout, kId, "no colon\r\n\r\n") + out;
        return;
      default:
        out[0] = 7;  // another version of the protocol
    }
  }

  void set_pace() {
    answer_.before_stdin = choices_.chance(manners_.early);
    if (choices_.chance(manners_.deaf)) {
      answer_.reads_stdin = false;
      answer_.before_stdin = true;
    }
    if (!choices_.chance(manners_.odd)) return;
    answer_.delay = Millis(choices_.size(0, static_cast<std::uint64_t>(kDelayMax.count())));
    answer_.piece = choices_.size(100, 50'000);
    answer_.gap = Millis(choices_.size(0, 300));
  }

  Choices& choices_;
  const AppManners& manners_;
  const AppRequest& request_;
  Answer answer_;
  Run run_;
};

}  // namespace

Answer make_answer(Choices& choices, Ledger& ledger, const AppManners& manners,
                   const AppRequest& request) {
  return Composer(choices, manners, request).compose(ledger);
}

}  // namespace millrace::testing
