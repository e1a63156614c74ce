#include "fcgi/record_writer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "buffer/block.h"
#include "buffer/chain.h"
#include "fcgi/params.h"

namespace millrace::fcgi {
namespace {

std::string drain(buffer::Chain& chain) {
  std::string bytes;
  while (!chain.empty())
    bytes += chain.pop_front().text();
  return bytes;
}

std::size_t slices(const buffer::Chain& chain) {
  std::vector<iovec> into(64);
  return chain.gather(into).count;
}

template <std::size_t N>
std::string bytes(const char (&text)[N]) {
  return {text, N - 1};
}

struct Record {
  Header header;
  std::string content;
};

std::vector<Record> split(std::string_view data) {
  std::vector<Record> records;
  while (!data.empty()) {
    REQUIRE(data.size() >= kHeaderBytes);
    const Header header = decode_header(data);
    data.remove_prefix(kHeaderBytes);
    const std::size_t size = std::size_t{header.content_length} + header.padding_length;
    REQUIRE(data.size() >= size);
    records.push_back({header, std::string(data.substr(0, header.content_length))});
    data.remove_prefix(size);
  }
  return records;
}

// Checks that each record is a PARAMS record of whole pairs and that the stream ends with an empty
// one.
std::vector<std::string> pairs_of(std::string_view data, std::uint16_t id) {
  const std::vector<Record> records = split(data);
  std::vector<std::string> pairs;
  for (const Record& record : records) {
    CHECK(record.header.version == kVersion);
    CHECK(record.header.type == RecordType::Params);
    CHECK(record.header.id == id);
    CHECK(record.content.empty() == (&record == &records.back()));
    PairReader reader(record.content);
    Pair pair;
    PairReader::Event event = reader.next(pair);
    for (; event == PairReader::Event::Pair; event = reader.next(pair)) {
      pairs.push_back(std::string(pair.name) + "=" + std::string(pair.value));
    }
    CHECK(event == PairReader::Event::End);
  }
  return pairs;
}

struct Fixture {
  buffer::BlockPool pool;
  buffer::Chain chain{pool};

  // Blocks come with the bytes of earlier requests in them; none of those may be sent.
  Fixture() {
    chain.append_copy(std::string(buffer::BlockPool::kBlockBytes, '\xff'));
    chain.clear();
  }
};

TEST_CASE_FIXTURE(Fixture, "begin_request: role and flag as the standard lays them out") {
  begin_request(chain, 0x1234, Role::Responder, true);
  CHECK(drain(chain) == bytes("\x01\x01\x12\x34\x00\x08\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00"));
  begin_request(chain, 1, Role::Authorizer, false);
  CHECK(drain(chain) == bytes("\x01\x01\x00\x01\x00\x08\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00"));
}

TEST_CASE_FIXTURE(Fixture, "stdin_header, stdin_end, abort_request: bare headers") {
  stdin_header(chain, 2, kStdinMax);
  CHECK(drain(chain) == bytes("\x01\x05\x00\x02\xff\xf8\x00\x00"));
  stdin_end(chain, 2);
  CHECK(drain(chain) == bytes("\x01\x05\x00\x02\x00\x00\x00\x00"));
  abort_request(chain, 0xfffe);
  CHECK(drain(chain) == bytes("\x01\x02\xff\xfe\x00\x00\x00\x00"));
}

TEST_CASE_FIXTURE(Fixture, "get_values: asks for three variables, padded or not") {
  const std::string content = bytes(
      "\x0e\x00"
      "FCGI_MAX_CONNS"
      "\x0d\x00"
      "FCGI_MAX_REQS"
      "\x0f\x00"
      "FCGI_MPXS_CONNS");
  REQUIRE(content.size() == 48);
  get_values(chain, false);
  CHECK(drain(chain) == bytes("\x01\x09\x00\x00\x00\x30\x00\x00") + content);
  get_values(chain, true);
  CHECK(drain(chain) == bytes("\x01\x09\x00\x00\x00\x30\x08\x00") + content + std::string(8, '\0'));
}

TEST_CASE_FIXTURE(Fixture, "ParamsWriter: no pairs are one empty record") {
  ParamsWriter(chain, 3).finish();
  CHECK(drain(chain) == bytes("\x01\x04\x00\x03\x00\x00\x00\x00"));
}

TEST_CASE_FIXTURE(Fixture, "ParamsWriter: a usual request is one contiguous slice") {
  begin_request(chain, 1, Role::Responder, true);
  ParamsWriter params(chain, 1);
  std::string fixed;
  append_pair(fixed, "GATEWAY_INTERFACE", "CGI/1.1");
  append_pair(fixed, "SERVER_SOFTWARE", "millrace");
  CHECK(params.add_encoded(fixed));
  CHECK(params.add_encoded({}));
  for (int i = 0; i < 40; ++i) {
    CHECK(params.add("HTTP_HEADER_" + std::to_string(i), std::string(70, 'v')));
  }
  params.finish();
  stdin_end(chain, 1);
  CHECK(slices(chain) == 1);
  const std::string written = drain(chain);
  const std::string_view stream = std::string_view(written).substr(16, written.size() - 24);
  const std::vector<std::string> pairs = pairs_of(stream, 1);
  REQUIRE(pairs.size() == 42);
  CHECK(pairs.front() == "GATEWAY_INTERFACE=CGI/1.1");
  CHECK(pairs[1] == "SERVER_SOFTWARE=millrace");
  CHECK(pairs.back() == "HTTP_HEADER_39=" + std::string(70, 'v'));
  CHECK(split(stream).size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "ParamsWriter: records go on over blocks and never split a pair") {
  ParamsWriter params(chain, 9);
  std::vector<std::string> expected;
  for (std::size_t i = 0; i < 600; ++i) {
    const std::string name = "N" + std::to_string(i);
    const std::string value(i * 7 % 1500, static_cast<char>('a' + i % 26));
    CHECK(params.add(name, value));
    expected.push_back(name);
    expected.back() += '=';
    expected.back() += value;
  }
  params.finish();
  const std::string written = drain(chain);
  CHECK(pairs_of(written, 9) == expected);
  const std::vector<Record> records = split(written);
  CHECK(records.size() > 3);
  for (std::size_t i = 0; i + 2 < records.size(); ++i) {
    CHECK(records[i].content.size() > kContentMax - 1600);  // Full, as far as whole pairs allow.
  }
}

TEST_CASE_FIXTURE(Fixture, "ParamsWriter: a pair may fill a record to the last byte, and no more") {
  // Two lengths: one byte for the name's, four for the value's.
  for (const std::size_t value : {kContentMax - 6, kContentMax - 5, kContentMax, kContentMax + 1}) {
    CAPTURE(value);
    ParamsWriter params(chain, 1);
    CHECK(params.add("A", "1"));
    CHECK(params.add("N", std::string(value, 'x')) == (value == kContentMax - 6));
    CHECK(params.add("B", "2"));
    params.finish();
    const std::vector<std::string> pairs = pairs_of(drain(chain), 1);
    CHECK(pairs.size() == (value == kContentMax - 6 ? 3 : 2));
    CHECK(pairs.back() == "B=2");
  }
  ParamsWriter params(chain, 1);
  CHECK(!params.add(std::string(kContentMax + 1, 'n'), {}));
}

TEST_CASE_FIXTURE(Fixture,
                  "ParamsWriter: a record is filled to 65535 bytes before another begins") {
  for (const std::size_t last : {10, 11}) {
    ParamsWriter params(chain, 1);
    CHECK(params.add("N", std::string(kContentMax - 6 - 13, 'x')));
    CHECK(params.add("L", std::string(last, 'y')));  // 3 + last bytes
    params.finish();
    CHECK(split(drain(chain)).size() == (last == 10 ? 2 : 3));
  }
}

TEST_CASE_FIXTURE(Fixture, "ParamsWriter: encoded pairs up to the maximum, whole in one record") {
  std::string fixed;
  append_pair(fixed, "N", std::string(ParamsWriter::kEncodedMax - 6, 'x'));
  REQUIRE(fixed.size() == ParamsWriter::kEncodedMax);
  ParamsWriter params(chain, 1);
  CHECK(params.add("A", "1"));
  CHECK(params.add_encoded(fixed));
  CHECK(!params.add_encoded(fixed + "x"));
  params.finish();
  CHECK(pairs_of(drain(chain), 1).size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "ParamsWriter: a name of 128 bytes has a long length") {
  const std::string name(128, 'n');
  ParamsWriter params(chain, 1);
  CHECK(params.add(name, "v"));
  params.finish();
  const std::string written = drain(chain);
  CHECK(written.substr(kHeaderBytes, 5) == bytes("\x80\x00\x00\x80\x01"));
  CHECK(pairs_of(written, 1) == std::vector<std::string>{name + "=v"});
}

TEST_CASE_FIXTURE(Fixture, "ParamsWriter: what is appended after it lies behind it") {
  chain.append_copy("before");
  ParamsWriter params(chain, 1);
  CHECK(params.add("A", "1"));
  params.finish();
  const std::size_t size = chain.size();
  chain.append_copy("after");
  const std::string written = drain(chain);
  CHECK(written.substr(0, 6) == "before");
  CHECK(written.substr(size) == "after");
  CHECK(pairs_of(written.substr(6, size - 6), 1) == std::vector<std::string>{"A=1"});
}

TEST_CASE("ParamsWriter: blocks go back to the pool") {
  buffer::BlockPool pool;
  {
    buffer::Chain chain(pool);
    ParamsWriter params(chain, 1);
    CHECK(params.add("N", std::string(10000, 'x')));
    CHECK(params.add("M", std::string(5, 'x')));
    params.finish();
    CHECK(pool.blocks_in_use() == 2);
  }
  CHECK(pool.blocks_in_use() == 0);
}

}  // namespace
}  // namespace millrace::fcgi
