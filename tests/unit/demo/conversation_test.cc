#include "demo/conversation.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fcgi/params.h"
#include "fcgi/record_reader.h"
#include "fcgi/record_writer.h"

namespace millrace::demo {
namespace {

using fcgi::ProtocolStatus;
using fcgi::RecordType;

std::string drain(buffer::Chain& chain) {
  std::string bytes;
  while (!chain.empty())
    bytes += chain.pop_front().text();
  return bytes;
}

// The web server's side: writes requests and reads what came back.
struct Fixture {
  buffer::BlockPool pool;
  Application application{"test"};
  Conversation conversation{application, pool};
  fcgi::RecordReader reader;
  std::map<int, std::string> stdout_of;
  std::vector<std::string> events;
  std::size_t largest_record = 0;

  static void begin(buffer::Chain& out, std::uint16_t id, std::string_view uri, bool keep = true) {
    fcgi::begin_request(out, id, fcgi::Role::Responder, keep);
    fcgi::ParamsWriter params(out, id);
    REQUIRE(params.add("REQUEST_URI", uri));
    params.finish();
  }
  std::string request(std::uint16_t id, std::string_view uri, bool keep = true) {
    buffer::Chain out(pool);
    begin(out, id, uri, keep);
    fcgi::stdin_end(out, id);
    return drain(out);
  }
  void receive(std::string_view bytes, std::uint64_t now = 0) { conversation.receive(bytes, now); }
  // Takes the output as sent and sorts it by request.
  void send_output() {
    const std::string bytes = drain(conversation.output());
    std::string_view data = bytes;
    while (true) {
      const auto step = reader.next(data);
      data.remove_prefix(step.consumed);
      const std::string id = std::to_string(step.id);
      switch (step.event) {
        case fcgi::Event::NeedMore:
          return;
        case fcgi::Event::Content:
          stdout_of[step.id] += step.content;
          largest_record = std::max(largest_record, step.content.size());
          break;
        case fcgi::Event::StreamEnd:
          events.push_back("eof " + id);
          break;
        case fcgi::Event::End:
          events.push_back("end " + id + " " +
                           std::to_string(static_cast<int>(step.end.protocol_status)));
          break;
        case fcgi::Event::Values:
          events.push_back("values " + std::string(step.content));
          break;
        case fcgi::Event::Bad:
          FAIL(step.reason);
      }
    }
  }
  std::string body(int id) {
    const std::string& text = stdout_of[id];
    return text.substr(text.find("\r\n\r\n") + 4);
  }
};

std::string alphabet(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i)
    text += static_cast<char>('a' + i % 26);
  return text;
}

std::string header(RecordType type, std::uint16_t id, std::uint16_t length) {
  std::string bytes(fcgi::kHeaderBytes, '\0');
  fcgi::encode_header(bytes.data(), {.type = type, .id = id, .content_length = length});
  return bytes;
}

TEST_CASE_FIXTURE(Fixture, "Conversation: a kept connection answers one request after the other") {
  for (const std::uint16_t id : std::vector<std::uint16_t>{1, 1, 700}) {
    receive(request(id, "/s/30"));
    send_output();
    CHECK(body(id) == alphabet(30));
    CHECK(events == std::vector<std::string>{"eof " + std::to_string(id),
                                             "end " + std::to_string(id) + " 0"});
    events.clear();
    stdout_of.clear();
    CHECK(!conversation.finished());
    CHECK(!conversation.broken());
  }
}

TEST_CASE_FIXTURE(Fixture, "Conversation: a small answer is one slice") {
  receive(request(1, "/s/1000"));
  std::vector<iovec> pieces(8);
  CHECK(conversation.output().gather(pieces).count == 1);
  send_output();
}

TEST_CASE_FIXTURE(Fixture, "Conversation: requests may come byte by byte") {
  for (const char c : request(1, "/s/3") + request(2, "/s/4"))
    receive({&c, 1});
  send_output();
  CHECK(body(1) == "abc");
  CHECK(body(2) == "abcd");
}

TEST_CASE_FIXTURE(Fixture, "Conversation: without KEEP_CONN it is finished once all is sent") {
  receive(request(1, "/", false));
  CHECK(!conversation.finished());
  send_output();
  CHECK(conversation.finished());
}

TEST_CASE_FIXTURE(Fixture, "Conversation: a large body is made piece by piece") {
  receive(request(1, "/s/1000000/n"));
  std::size_t rounds = 0;
  while (!conversation.output().empty()) {
    CHECK(conversation.output().size() < Conversation::kOutputMax + 66000);
    send_output();
    conversation.advance(0);
    ++rounds;
  }
  CHECK(rounds >= 3);
  CHECK(body(1) == alphabet(1000000));
  CHECK(events == std::vector<std::string>{"eof 1", "end 1 0"});
}

TEST_CASE_FIXTURE(Fixture, "Conversation: /c limits every record, the head's too") {
  receive(request(1, "/s/100/c/7"));
  send_output();
  CHECK(largest_record == 7);
  CHECK(body(1) == alphabet(100));
}

TEST_CASE_FIXTURE(Fixture, "Conversation: answers on one connection take turns") {
  receive(request(1, "/s/10000000") + request(2, "/s/5"));
  send_output();
  CHECK(body(2) == "abcde");
  CHECK(events == std::vector<std::string>{"eof 2", "end 2 0"});
}

TEST_CASE_FIXTURE(Fixture, "Conversation: a delayed answer waits, others do not") {
  receive(request(1, "/d/100/s/1") + request(2, "/s/2") + request(3, "/d/50/s/3"), 1000);
  send_output();
  CHECK(stdout_of.size() == 1);
  CHECK(conversation.due() == 1050);
  conversation.advance(1049);
  CHECK(conversation.output().empty());
  conversation.advance(1050);
  send_output();
  CHECK(body(3) == "abc");
  CHECK(conversation.due() == 1100);
  conversation.advance(1200);
  send_output();
  CHECK(body(1) == "a");
  CHECK(!conversation.due());
}

TEST_CASE_FIXTURE(Fixture, "Conversation: with a full output no answer is due") {
  receive(request(1, "/s/10000000") + request(2, "/d/1/s/1"), 0);
  CHECK(!conversation.due());
  conversation.advance(5);
  send_output();
  conversation.advance(5);
  send_output();
  CHECK(body(2) == "a");
}

TEST_CASE_FIXTURE(Fixture, "Conversation: /echo counts the body and waits for its end") {
  buffer::Chain out(pool);
  begin(out, 1, "/echo");
  fcgi::stdin_header(out, 1, 5);
  out.append_copy("hello");
  fcgi::stdin_header(out, 1, fcgi::kStdinMax);
  out.append_copy(std::string(fcgi::kStdinMax, 'x'));
  receive(drain(out));
  CHECK(conversation.output().empty());
  fcgi::stdin_end(out, 1);
  receive(drain(out));
  send_output();
  CHECK(body(1) == std::to_string(5 + fcgi::kStdinMax) + "\n");
}

TEST_CASE_FIXTURE(Fixture, "Conversation: nothing of a request reaches the next one") {
  for (const std::string_view content : {"first", "no. 2"}) {
    stdout_of.clear();
    buffer::Chain out(pool);
    begin(out, 1, "/echo");
    fcgi::stdin_header(out, 1, content.size());
    out.append_copy(content);
    fcgi::stdin_end(out, 1);
    receive(drain(out));
    send_output();
    CHECK(body(1) == "5\n");
  }
  receive(request(2, "/env"));
  send_output();
  CHECK(body(2) == "REQUEST_URI=/env\n");
}

TEST_CASE_FIXTURE(Fixture, "Conversation: an aborted request ends without an answer") {
  buffer::Chain out(pool);
  begin(out, 1, "/");
  fcgi::abort_request(out, 1);
  receive(request(2, "/d/1000") + drain(out));
  send_output();
  CHECK(events == std::vector<std::string>{"end 1 0"});
  CHECK(stdout_of.empty());
  fcgi::abort_request(out, 2);
  fcgi::abort_request(out, 3);  // Never begun: ignored.
  receive(drain(out));
  send_output();
  CHECK(events == std::vector<std::string>{"end 1 0", "end 2 0"});
  CHECK(!conversation.due());
  CHECK(!conversation.broken());
}

TEST_CASE_FIXTURE(Fixture, "Conversation: GET_VALUES is answered with what was asked for") {
  buffer::Chain out(pool);
  fcgi::get_values(out, true);
  receive(drain(out));
  send_output();
  std::string values;
  fcgi::append_pair(values, "FCGI_MAX_CONNS", "1024");
  fcgi::append_pair(values, "FCGI_MAX_REQS", "1024");
  fcgi::append_pair(values, "FCGI_MPXS_CONNS", "1");
  CHECK(events == std::vector<std::string>{"values " + values});

  receive(header(RecordType::GetValues, 0, 3) + "\x01" + std::string(1, '\0') + "A");
  send_output();
  CHECK(events.back() == "values ");
}

TEST_CASE_FIXTURE(Fixture, "Conversation: other management records get UNKNOWN_TYPE") {
  receive(header(static_cast<RecordType>(77), 0, 2) + "??");
  const std::string bytes = drain(conversation.output());
  CHECK(bytes == header(RecordType::UnknownType, 0, 8) + "\x4d" + std::string(7, '\0'));
}

TEST_CASE_FIXTURE(Fixture, "Conversation: other roles and too many requests are refused") {
  buffer::Chain out(pool);
  fcgi::begin_request(out, 1, fcgi::Role::Filter, true);
  receive(drain(out));
  send_output();
  CHECK(events == std::vector<std::string>{"end 1 3"});
  for (std::size_t i = 0; i <= Conversation::kRequestsMax; ++i) {
    fcgi::begin_request(out, static_cast<std::uint16_t>(i + 2), fcgi::Role::Responder, true);
  }
  receive(drain(out));
  send_output();
  CHECK(events == std::vector<std::string>{"end 1 3", "end 1026 2"});
}

TEST_CASE_FIXTURE(Fixture, "Conversation: records of requests that are over are ignored") {
  receive(header(RecordType::Stdin, 9, 3) + "abc" + header(RecordType::Params, 9, 0));
  CHECK(conversation.output().empty());
  CHECK(!conversation.broken());
}

TEST_CASE_FIXTURE(Fixture, "Conversation: what is no FastCGI breaks it") {
  buffer::Chain out(pool);
  begin(out, 1, "/");
  const std::string begun = drain(out);
  const std::string record = std::string(65535, 'p');
  std::string too_many_params = begun.substr(0, 16);
  for (int i = 0; i < 17; ++i)
    too_many_params += header(RecordType::Params, 1, 65535) + record;
  const std::string cases[] = {
      "GET / HTTP/1.1\r\n\r\n",
      header(RecordType::BeginRequest, 1, 0),
      begun.substr(0, 16) + begun.substr(0, 16),              // The id is in use.
      begun + header(RecordType::Params, 1, 0),               // PARAMS after their end.
      begun.substr(0, 16) + header(RecordType::Stdin, 1, 0),  // STDIN before it.
      begun.substr(0, 16) + header(RecordType::Params, 1, 2) + "\x05\x05" +
          header(RecordType::Params, 1, 0) + header(RecordType::Stdin, 1, 0),
      header(RecordType::GetValues, 0, 1) + "\x05",
      too_many_params,
  };
  for (const std::string& bytes : cases) {
    CAPTURE(&bytes - cases);
    Conversation fresh(application, pool);
    fresh.receive(bytes, 0);
    CHECK(fresh.broken());
  }
}

}  // namespace
}  // namespace millrace::demo
