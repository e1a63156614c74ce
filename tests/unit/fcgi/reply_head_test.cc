// What transcripts do not show: where views point, limits, and use again after reset().
#include "fcgi/reply_head.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace millrace::fcgi {
namespace {

using Event = ReplyHead::Event;

bool lies_in(std::string_view part, std::string_view whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

TEST_CASE("ReplyHead: a head that is whole in the first piece is not copied") {
  ReplyHead head;
  head.reset(0);
  const std::string data = "Status: 200 Fine\r\nA: one\r\nLocation: /x\r\n\r\nbody";
  const ReplyHead::Step step = head.next(data);
  CHECK(step.event == Event::Done);
  CHECK(data.substr(step.consumed) == "body");
  CHECK(lies_in(head.status_reason(), data));
  CHECK(lies_in(head.location(), data));
  for (const Field& field : head.fields()) {
    CHECK(lies_in(field.name, data));
    CHECK(lies_in(field.value, data));
  }
}

TEST_CASE("ReplyHead: views of a head in pieces outlive the pieces") {
  ReplyHead head;
  head.reset(0);
  {
    const std::string first = "Status: 404 Not Fou";
    CHECK(head.next(first).event == Event::NeedMore);
    const std::string second = "nd\nA: " + std::string(5000, 'x') + "\nLocation: /y\n\nbody";
    const ReplyHead::Step step = head.next(second);
    CHECK(step.event == Event::Done);
    CHECK(second.substr(step.consumed) == "body");
  }
  CHECK(head.status_reason() == "Not Found");
  CHECK(head.location() == "/y");
  CHECK(head.fields().front().value == std::string(5000, 'x'));
}

TEST_CASE("ReplyHead: an empty piece changes nothing") {
  ReplyHead head;
  head.reset(100);
  CHECK(head.next({}).event == Event::NeedMore);
  CHECK(head.next("A: 1\n").event == Event::NeedMore);
  CHECK(head.next({}).event == Event::NeedMore);
  CHECK(head.next("\n").event == Event::Done);
  CHECK(head.fields().size() == 1);
}

TEST_CASE("ReplyHead: a new object reads without a limit, reset sets one") {
  ReplyHead head;
  const std::string large = "A: " + std::string(1 << 20, 'x') + "\n\n";
  CHECK(head.next(large).event == Event::Done);
  head.reset(large.size());
  CHECK(head.next(large).event == Event::Done);
  head.reset(large.size() - 1);
  CHECK(head.next(large).event == Event::Bad);
  CHECK(head.error() == "head over the limit");
}

TEST_CASE("ReplyHead: the limit is on the head, not on the body behind it") {
  ReplyHead head;
  head.reset(6);
  const ReplyHead::Step step = head.next("A: 1\n\n" + std::string(100, 'b'));
  CHECK(step.event == Event::Done);
  CHECK(step.consumed == 6);
}

TEST_CASE("ReplyHead: any number of fields within the limit") {
  ReplyHead head;
  head.reset(65536);
  std::string data;
  for (int i = 0; i < 10000; ++i)
    data += "a:b\n";
  data += "\n";
  CHECK(head.next(data).event == Event::Done);
  CHECK(head.fields().size() == 10000);
}

TEST_CASE("ReplyHead: reset forgets everything of the last head") {
  ReplyHead head;
  head.reset(0);
  CHECK(head.next("Status: 301 Moved\nLocation: http://x/\nContent-Length: 3\n\n").event ==
        Event::Done);
  CHECK(head.has_status());
  head.reset(0);
  CHECK(head.next("B: 2\n").event == Event::NeedMore);
  head.reset(0);
  CHECK(head.next("A: 1\nnonsense\n\n").event == Event::Bad);
  head.reset(0);
  CHECK(head.next("\n").event == Event::Done);
  CHECK(head.status() == 200);
  CHECK(!head.has_status());
  CHECK(!head.local_redirect());
  CHECK(head.status_reason().empty());
  CHECK(head.fields().empty());
  CHECK(!head.content_length());
  CHECK(head.location_kind() == LocationKind::None);
  CHECK(head.location().empty());
  CHECK(head.error().empty());
}

TEST_CASE("ReplyHead: interim heads follow each other, with one object") {
  ReplyHead head;
  std::string_view data = "Status: 103\nLink: a\n\nStatus: 103\n\nContent-Type: x\n\nbody";
  for (const int status : {103, 103, 200}) {
    head.reset(1000);
    const ReplyHead::Step step = head.next(data);
    CHECK(step.event == Event::Done);
    CHECK(head.status() == status);
    CHECK(head.interim() == (status == 103));
    data.remove_prefix(step.consumed);
  }
  CHECK(data == "body");
}

TEST_CASE("ReplyHead: each status of three digits is accepted, interim or refused") {
  ReplyHead head;
  for (int status = 0; status <= 999; ++status) {
    std::string digits = std::to_string(status);
    digits.insert(0, 3 - digits.size(), '0');
    head.reset(0);
    const bool good = (status >= 200 && status <= 599) || status == 100 || status == 103;
    CAPTURE(status);
    CHECK((head.next("Status: " + digits + "\n\n").event == Event::Done) == good);
    if (good) CHECK(head.status() == status);
  }
}

TEST_CASE("ReplyHead: each byte in a value is accepted or refused") {
  ReplyHead head;
  for (int byte = 0; byte <= 255; ++byte) {
    const auto c = static_cast<char>(byte);
    if (c == '\n') continue;
    head.reset(0);
    CAPTURE(byte);
    const bool good = (byte >= 0x20 && byte != 0x7f) || c == '\t';
    const std::string data = std::string("A: x") + c + "y\n\n";
    CHECK((head.next(data).event == Event::Done) == good);
    if (good) CHECK(head.fields().front().value == std::string("x") + c + "y");
  }
}

TEST_CASE("ReplyHead: each byte in a name is accepted or refused") {
  ReplyHead head;
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  for (int byte = 0; byte <= 255; ++byte) {
    const auto c = static_cast<char>(byte);
    if (c == '\n' || c == ':') continue;
    head.reset(0);
    CAPTURE(byte);
    const bool good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      kMarks.find(c) != std::string_view::npos;
    const std::string data = std::string("A") + c + "z: x\n\n";
    CHECK((head.next(data).event == Event::Done) == good);
  }
}

TEST_CASE("field_kind: an empty name is of no kind") {
  CHECK(field_kind({}) == FieldKind::Other);
  CHECK(field_kind("Status") == FieldKind::Status);
}

}  // namespace
}  // namespace millrace::fcgi
