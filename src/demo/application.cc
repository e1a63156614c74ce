#include "demo/application.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/ascii.h"
#include "base/must.h"
#include "fcgi/params.h"

namespace millrace::demo {
namespace {

constexpr std::size_t kLetters = 26;
constexpr std::uint64_t kSizeMax = std::uint64_t{1} << 40;
constexpr std::uint64_t kDelayMax = 600'000;
constexpr std::uint64_t kStatusMax = 999;

// The path's segments, one after the other.
class Segments {
 public:
  explicit Segments(std::string_view uri) : left_(uri.substr(0, uri.find('?'))) {}

  [[nodiscard]] bool done() const { return left_.empty(); }
  std::string_view take() {
    const std::string_view segment = peek();
    left_.remove_prefix(std::min(left_.size(), segment.size() + 1));
    return segment;
  }
  // The next segment, taken if it is a number; at most `max`.
  std::optional<std::uint64_t> take_number(std::uint64_t max) {
    const std::optional<std::uint64_t> number = base::parse_decimal(peek());
    if (number) take();
    return number ? std::min(*number, max) : number;
  }

 private:
  [[nodiscard]] std::string_view peek() const { return left_.substr(0, left_.find('/')); }
  std::string_view left_;
};

void append_escaped_html(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
}

// Instances differ in colour, so that one sees the balancer at work.
unsigned hue_of(std::string_view name) {
  unsigned hue = 200;
  for (const char c : name) {
    hue = (hue * 31 + static_cast<unsigned char>(c)) % 360;
  }
  return hue;
}

void environment(std::string_view params, std::string& out) {
  std::vector<std::string> lines;
  fcgi::PairReader reader(params);
  fcgi::Pair pair;
  while (reader.next(pair) == fcgi::PairReader::Event::Pair) {
    lines.emplace_back(pair.name);
    lines.back().append("=").append(pair.value).append("\n");
  }
  std::sort(lines.begin(), lines.end());
  for (const std::string& line : lines) {
    out += line;
  }
}

// Does what `word` says, with the number that may follow it.
void apply(std::string_view word, Segments& segments, Wish& wish) {
  if (word == "s") {
    const auto size = segments.take_number(kSizeMax);
    if (!size) return;
    wish.body = Wish::Body::Alphabet;
    wish.size = *size;
  } else if (word == "d") {
    wish.delay_ms = segments.take_number(kDelayMax).value_or(0);
  } else if (word == "n") {
    wish.content_length = false;
  } else if (word == "c") {
    const std::uint64_t most = segments.take_number(Wish::kRecordMax).value_or(0);
    if (most > 0) wish.record_max = most;
  } else if (word == "st") {
    wish.status = segments.take_number(kStatusMax).value_or(wish.status);
  } else if (word == "echo") {
    wish.body = Wish::Body::Echo;
  } else if (word == "env") {
    wish.body = Wish::Body::Environment;
  }
}

}  // namespace

Wish parse_wish(std::string_view request_uri) {
  Wish wish;
  Segments segments(request_uri);
  while (!segments.done()) {
    const std::string_view word = segments.take();
    apply(word, segments, wish);
  }
  return wish;
}

Application::Application(std::string_view name)
    : name_(name), alphabet_(std::make_unique<char[]>(Wish::kRecordMax + kLetters)) {
  const std::size_t size = Wish::kRecordMax + kLetters;
  for (std::size_t i = 0; i < size; ++i) {
    alphabet_[i] = static_cast<char>('a' + i % kLetters);
  }
  alphabet_block_ = {.owner = this,
                     .data = alphabet_.get(),
                     .capacity = static_cast<std::uint32_t>(size),
                     .used = static_cast<std::uint32_t>(size)};
}

Application::~Application() {
  MUST(alphabet_block_.references == 0);
}

// The alphabet stays for the next answer.
void Application::recycle(buffer::Block& /*block*/) noexcept {}

buffer::Slice Application::alphabet(std::uint64_t position, std::size_t bytes) {
  return {alphabet_block_, {alphabet_.get() + position % kLetters, bytes}};
}

bool Application::answer(std::string_view params, std::uint64_t body_bytes, Answer& answer) {
  Request request;
  fcgi::PairReader reader(params);
  fcgi::Pair pair;
  fcgi::PairReader::Event event = reader.next(pair);
  for (; event == fcgi::PairReader::Event::Pair; event = reader.next(pair)) {
    if (pair.name == "REQUEST_URI") request.uri = pair.value;
    if (pair.name == "REQUEST_METHOD") request.method = pair.value;
    if (pair.name == "HTTP_ACCEPT") request.accept = pair.value;
  }
  if (event == fcgi::PairReader::Event::Bad) return false;
  requests_.fetch_add(1, std::memory_order_relaxed);

  const Wish wish = parse_wish(request.uri);
  answer.alphabet_bytes = wish.size;
  answer.delay_ms = wish.delay_ms;
  answer.record_max = wish.record_max;
  answer.text.clear();
  body_.clear();
  std::string_view type = "text/plain; charset=utf-8";
  switch (wish.body) {
    case Wish::Body::Alphabet:
      type = "text/plain";
      break;
    case Wish::Body::Echo:
      body_.append(std::to_string(body_bytes)).append("\n");
      break;
    case Wish::Body::Environment:
      environment(params, body_);
      break;
    case Wish::Body::Page:
      if (request.accept.find("text/html") != std::string_view::npos) {
        type = "text/html; charset=utf-8";
        html_page(request);
      } else {
        page(request);
      }
      break;
  }
  if (wish.status != 200) {
    answer.text.append("Status: ").append(std::to_string(wish.status)).append("\r\n");
  }
  answer.text.append("Content-Type: ").append(type).append("\r\n");
  if (wish.content_length) {
    const std::uint64_t length = body_.size() + wish.size;
    answer.text.append("Content-Length: ").append(std::to_string(length)).append("\r\n");
  }
  answer.text.append("\r\n").append(body_);
  return true;
}

void Application::page(const Request& request) {
  body_.append("Hello from ").append(name_).append(".\n\n");
  body_.append(request.method).append(" ").append(request.uri).append("\n");
  body_.append("request ").append(std::to_string(requests())).append(" of this instance\n");
}

void Application::html_page(const Request& request) {
  body_ += "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\n<title>";
  append_escaped_html(body_, name_);
  body_ +=
      "</title>\n<meta name=\"viewport\" content=\"width=device-width\">\n"
      "<style>body{font:1.1rem/1.6 system-ui,sans-serif;max-width:38rem;margin:12vh auto;"
      "padding:0 1rem}h1{color:hsl(";
  body_.append(std::to_string(hue_of(name_)));
  body_ += " 70% 35%)}code{background:#8882;padding:.1em .4em}</style>\n<h1>Hello from ";
  append_escaped_html(body_, name_);
  body_ += "</h1>\n<p>You asked for <code>";
  append_escaped_html(body_, request.method);
  body_ += " ";
  append_escaped_html(body_, request.uri);
  body_.append("</code>, request ").append(std::to_string(requests()));
  body_ +=
      " of this instance. Reload, and the balancer chooses again.</p>\n"
      "<p>Try <code>/s/1000</code> (bytes), <code>/d/500</code> (delay), <code>/st/404</code> "
      "(status), <code>/env</code> (the environment) and <code>/echo</code> (what you "
      "post).</p>\n</html>\n";
}

}  // namespace millrace::demo
