#include "unit/http/transcript.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstring>
#include <fstream>
#include <memory>
#include <utility>

#include "base/ascii.h"

namespace millrace::test {
namespace {

using http::Event;

std::string unescape(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '{') {
      const std::size_t star = text.find('*', i);
      const std::size_t end = text.find('}', i);
      REQUIRE(end != std::string_view::npos);
      const auto times = base::parse_decimal(text.substr(i + 1, star - i - 1));
      REQUIRE(times.has_value());
      const std::string unit = unescape(text.substr(star + 1, end - star - 1));
      for (std::uint64_t n = 0; n < *times; ++n) {
        bytes += unit;
      }
      i = end;
    } else if (text[i] != '\\') {
      bytes += text[i];
    } else if (text[++i] == 'x') {
      bytes += static_cast<char>(base::hex_value(text[i + 1]) * 16 + base::hex_value(text[i + 2]));
      i += 2;
    } else {
      constexpr std::string_view kNames = "rnt0";
      constexpr std::string_view kBytes("\r\n\t\0", 4);
      const std::size_t name = kNames.find(text[i]);
      bytes += name == std::string_view::npos ? text[i] : kBytes[name];
    }
  }
  return bytes;
}

http::ParserLimits parse_limits(std::string_view line) {
  http::ParserLimits limits;
  const auto value = [line](std::string_view name, std::uint64_t otherwise) {
    const std::size_t at = line.find(name);
    if (at == std::string_view::npos) return otherwise;
    const std::string_view rest = line.substr(at + name.size());
    const auto number = base::parse_decimal(rest.substr(0, rest.find(' ')));
    REQUIRE(number.has_value());
    return *number;
  };
  limits.uri = value(" uri=", limits.uri);
  limits.header_bytes = value(" header_bytes=", limits.header_bytes);
  limits.headers = value(" headers=", limits.headers);
  return limits;
}

// Short text as it is, control bytes escaped; of long text the length.
std::string shown(std::string_view text) {
  constexpr std::size_t kLong = 60;
  if (text.size() > kLong) return std::to_string(text.size()) + " bytes";
  std::string out = "\"";
  for (const char c : text) {
    if (c >= ' ' && c <= '~') {
      out += c;
    } else {
      constexpr std::string_view kDigits = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(c);
      out += "\\x";
      out += kDigits[byte / 16];
      out += kDigits[byte % 16];
    }
  }
  return out + "\"";
}

std::string describe(const http::RequestHead& head) {
  std::string text = "Head " + std::string(head.method_text) + " " + shown(head.target) +
                     " HTTP/1." + std::to_string(head.minor_version) + "\n";
  text += "  path " + shown(head.path) + (head.asterisk ? " asterisk" : "");
  if (head.path != head.raw_path && !head.asterisk) text += " raw " + shown(head.raw_path);
  if (head.has_query) text += " query " + shown(head.query);
  text += "\n  host " + shown(head.host_name);
  if (head.host != head.host_name) text += " sent " + shown(head.host);
  text += head.keep_alive ? "\n  keep-alive" : "\n  close";
  if (head.chunked) text += " chunked";
  if (head.content_length) text += " length " + std::to_string(*head.content_length);
  if (head.expect_continue) text += " expect-continue";
  text += "\n";
  for (const http::Field& field : head.fields) {
    text += "  " + std::string(field.name) + ": " + shown(field.value) + "\n";
  }
  return text;
}

// Feeds a parser and writes what it says. A piece is freed as soon as the parser may not look at it
// any more, so that the address sanitizer finds a view that is kept too long.
class Recorder {
 public:
  explicit Recorder(const http::ParserLimits& limits) : limits_(limits) { parser_.reset(limits_); }

  void feed(std::string_view bytes) {
    auto memory = std::make_unique<char[]>(bytes.size());
    std::memcpy(memory.get(), bytes.data(), bytes.size());
    std::string_view data(memory.get(), bytes.size());
    while (!over_) {
      const http::Step step = parser_.next(data);
      REQUIRE(step.consumed <= data.size());
      data.remove_prefix(step.consumed);
      if (step.event == Event::Head) holds_head_ = true;
      note(step);
      if (step.event == Event::NeedMore) break;
    }
    REQUIRE((over_ || data.empty()));
    if (std::exchange(holds_head_, false)) held_ = std::move(memory);
  }

  std::string finish() {
    flush_body();
    if (!over_ && parser_.started()) text_ += "unfinished\n";
    return text_;
  }

 private:
  void note(const http::Step& step) {
    if (step.event == Event::Body) {
      REQUIRE(!step.body.empty());
      body_ += step.body;
      return;
    }
    if (step.event == Event::NeedMore) return;
    flush_body();
    if (step.event == Event::Head) {
      head_ = describe(parser_.head());
      text_ += head_;
    } else if (step.event == Event::End) {
      CHECK(describe(parser_.head()) == head_);
      text_ += "End\n";
      parser_.reset(limits_);
    } else {
      note_refusal();
    }
  }
  void note_refusal() {
    const http::Refusal refusal = parser_.refusal();
    text_ += "Refused " + std::to_string(refusal.status) + ": " + std::string(refusal.reason);
    text_ += refusal.keep_alive_ok ? "; goes on\n" : "\n";
    over_ = !refusal.keep_alive_ok;
    CHECK(parser_.next("GET").event == Event::Refused);
    if (!over_) parser_.reset(limits_);
  }
  void flush_body() {
    if (!body_.empty()) text_ += "Body " + shown(body_) + "\n";
    body_.clear();
  }

  http::ParserLimits limits_;
  http::RequestParser parser_;
  std::unique_ptr<char[]> held_;
  bool holds_head_ = false;
  bool over_ = false;
  std::string head_;
  std::string body_;
  std::string text_;
};

std::string record(std::string_view input, std::size_t first, std::size_t rest,
                   const http::ParserLimits& limits) {
  Recorder recorder(limits);
  for (std::size_t size = first; !input.empty(); size = rest) {
    recorder.feed(input.substr(0, size));
    input.remove_prefix(std::min(size, input.size()));
  }
  return recorder.finish();
}

}  // namespace

std::vector<Transcript> load_transcripts(std::string_view name) {
  std::ifstream file(std::string(HTTP_TRANSCRIPTS "/") + std::string(name));
  REQUIRE(file.good());
  std::vector<Transcript> cases;
  bool input = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ")) {
      cases.push_back({.title = line.substr(3), .limits = {}, .input = {}, .expected = {}});
      input = true;
    } else if (line.empty() || line.starts_with("# ")) {
      continue;
    } else if (line == "=>") {
      input = false;
    } else if (line.starts_with("limits ")) {
      cases.back().limits = parse_limits(line);
    } else {
      (input ? cases.back().input : cases.back().expected) += input ? unescape(line) : line + "\n";
    }
  }
  REQUIRE(!cases.empty());
  return cases;
}

std::string events_of(std::string_view input, const http::ParserLimits& limits) {
  constexpr std::size_t kShort = 2000;
  constexpr std::size_t kStride = 997;
  std::string whole = record(input, input.size(), input.size(), limits);
  CHECK(record(input, 1, 1, limits) == whole);
  for (std::size_t cut = 1; cut < input.size(); cut += input.size() < kShort ? 1 : kStride) {
    INFO("cut at " << cut);
    CHECK(record(input, cut, input.size(), limits) == whole);
  }
  return whole;
}

int refusal_of(std::string_view input, const http::ParserLimits& limits) {
  const std::string events = events_of(input, limits);
  constexpr std::string_view kRefused = "Refused ";
  const std::size_t at = events.find(kRefused);
  if (at == std::string::npos) return 0;
  const std::string_view status = std::string_view(events).substr(at + kRefused.size(), 3);
  return static_cast<int>(base::parse_decimal(status).value_or(0));
}

}  // namespace millrace::test
