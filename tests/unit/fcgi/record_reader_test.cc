// What transcripts do not show: where views point and how much is consumed.
#include "fcgi/record_reader.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace millrace::fcgi {
namespace {

std::string record(RecordType type, std::uint16_t id, std::string_view content,
                   std::uint8_t padding = 0) {
  std::string bytes(kHeaderBytes, '\0');
  encode_header(bytes.data(), {.type = type,
                               .id = id,
                               .content_length = static_cast<std::uint16_t>(content.size()),
                               .padding_length = padding});
  return bytes + std::string(content) + std::string(padding, '\xaa');
}

const std::string kEndBody(kEndRequestBytes, '\0');

TEST_CASE("RecordReader: content is a view into the caller's bytes, padding is consumed with it") {
  RecordReader reader;
  const std::string data = record(RecordType::Stdout, 7, "hello", 3) + "next";
  const RecordReader::Step step = reader.next(data);
  CHECK(step.event == Event::Content);
  CHECK(step.type == RecordType::Stdout);
  CHECK(step.id == 7);
  CHECK(step.content == "hello");
  CHECK(step.content.data() == data.data() + kHeaderBytes);
  CHECK(step.consumed == kHeaderBytes + 5 + 3);
  CHECK(reader.at_boundary());
}

TEST_CASE("RecordReader: END_REQUEST is consumed with its padding and nothing after it") {
  RecordReader reader;
  const std::string data = record(RecordType::EndRequest, 1, kEndBody, 8) + "surplus";
  const RecordReader::Step step = reader.next(data);
  CHECK(step.event == Event::End);
  CHECK(step.consumed == data.size() - 7);
  CHECK(reader.at_boundary());
}

TEST_CASE("RecordReader: whole GET_VALUES_RESULT content is a view, split content is kept") {
  RecordReader reader;
  const std::string data = record(RecordType::GetValuesResult, kManagementId, "pairs", 3);
  const RecordReader::Step whole = reader.next(data);
  CHECK(whole.event == Event::Values);
  CHECK(whole.content.data() == data.data() + kHeaderBytes);

  const std::string first = data.substr(0, kHeaderBytes + 2);
  CHECK(reader.next(first).event == Event::NeedMore);
  CHECK(!reader.at_boundary());
  const RecordReader::Step split = reader.next(std::string_view(data).substr(first.size()));
  CHECK(split.event == Event::Values);
  CHECK(split.content == "pairs");
  CHECK(reader.at_boundary());
}

TEST_CASE("RecordReader: no bytes are no event") {
  RecordReader reader;
  CHECK(reader.at_boundary());
  const RecordReader::Step step = reader.next({});
  CHECK(step.event == Event::NeedMore);
  CHECK(step.consumed == 0);
  CHECK(reader.at_boundary());
}

TEST_CASE("RecordReader: Bad stays") {
  RecordReader reader;
  const std::string good = record(RecordType::Stdout, 1, "x");
  CHECK(reader.next("garbage!").event == Event::Bad);
  CHECK(!reader.at_boundary());
  const RecordReader::Step again = reader.next(good);
  CHECK(again.event == Event::Bad);
  CHECK(again.reason == "record of another protocol version");
}

}  // namespace
}  // namespace millrace::fcgi
