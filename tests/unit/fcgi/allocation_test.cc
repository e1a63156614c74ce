// The codecs allocate nothing once they have seen a request: this program counts every allocation.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>

#include "buffer/block.h"
#include "buffer/chain.h"
#include "fcgi/record_reader.h"
#include "fcgi/record_writer.h"
#include "fcgi/reply_head.h"

namespace {

std::size_t allocations = 0;

}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  void* memory = std::malloc(size > 0 ? size : 1);
  if (memory == nullptr) std::abort();
  return memory;
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t /*size*/) noexcept {
  std::free(memory);
}

namespace millrace::fcgi {
namespace {

// A reply of one STDOUT record with a head, its end, and the answer to a probe.
std::string reply() {
  const std::string_view content =
      "Status: 404 Not Found\r\nContent-Type: text/html; charset=utf-8\r\n"
      "Set-Cookie: session=0123456789abcdef0123456789abcdef; Path=/; HttpOnly\r\n\r\n<p>";
  std::string bytes;
  const auto add = [&](RecordType type, std::uint16_t id, std::string_view body) {
    bytes.resize(bytes.size() + kHeaderBytes);
    encode_header(
        bytes.data() + bytes.size() - kHeaderBytes,
        {.type = type, .id = id, .content_length = static_cast<std::uint16_t>(body.size())});
    bytes += body;
  };
  add(RecordType::Stdout, 1, content);
  add(RecordType::EndRequest, 1, std::string_view("\0\0\0\0\0\0\0\0", 8));
  add(RecordType::GetValuesResult, kManagementId,
      "\x0f\x01"
      "FCGI_MPXS_CONNS1");
  return bytes;
}

struct Exchange {
  buffer::BlockPool pool;
  buffer::Chain out{pool};
  RecordReader reader;
  ReplyHead head;
  bool head_done = false;
  std::size_t events = 0;

  void write() {
    begin_request(out, 1, Role::Responder, true);
    ParamsWriter params(out, 1);
    static_cast<void>(params.add("REQUEST_URI", "/some/where?and=what"));
    static_cast<void>(params.add("HTTP_ACCEPT", "text/html"));
    params.finish();
    stdin_end(out, 1);
    get_values(out, true);
    out.clear();
  }
  void read(std::string_view data) {
    while (true) {
      const RecordReader::Step step = reader.next(data);
      data.remove_prefix(step.consumed);
      if (step.event == Event::NeedMore) return;
      ++events;
      if (step.event == Event::Content && !head_done) {
        head_done = head.next(step.content).event == ReplyHead::Event::Done;
      }
    }
  }
  void run(std::string_view bytes, std::size_t piece) {
    head.reset(65536);
    head_done = false;
    write();
    for (std::size_t at = 0; at < bytes.size(); at += piece)
      read(bytes.substr(at, piece));
  }
};

TEST_CASE("fcgi: a warm connection allocates nothing, however the bytes are cut") {
  const std::string bytes = reply();
  for (const std::size_t piece : {std::size_t{1}, std::size_t{60}, bytes.size()}) {
    CAPTURE(piece);
    Exchange exchange;
    exchange.run(bytes, piece);
    CHECK(exchange.head_done);
    const std::size_t before = allocations;
    const std::size_t events = exchange.events;
    for (int i = 0; i < 10; ++i)
      exchange.run(bytes, piece);
    const std::size_t after = allocations;
    CHECK(after == before);
    CHECK(exchange.head_done);
    CHECK(exchange.events == 11 * events);
  }
}

}  // namespace
}  // namespace millrace::fcgi
