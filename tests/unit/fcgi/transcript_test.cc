// Every transcript under tests/transcripts/fcgi, cut in all ways.
#include "unit/fcgi/transcript.h"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "fcgi/record_reader.h"
#include "fcgi/reply_head.h"

namespace millrace::fcgi {
namespace {

// The limit on heads; bad_heads.txt and heads.txt go up to it.
constexpr std::size_t kLimit = 65534;

std::string_view type_name(RecordType type) {
  return type == RecordType::Stdout ? "STDOUT" : "STDERR";
}

// Writes events as lines; joins content of one stream that came in pieces.
class RecordTranscript {
 public:
  std::string of(const std::vector<std::string_view>& pieces) {
    for (const std::string_view piece : pieces) {
      if (!feed(piece)) return text_;
    }
    flush();
    return text_ + (reader_.at_boundary() ? "boundary\n" : "inside a record\n");
  }

 private:
  bool feed(std::string_view data) {
    while (true) {
      const RecordReader::Step step = reader_.next(data);
      REQUIRE(step.consumed <= data.size());
      data.remove_prefix(step.consumed);
      if (step.event == Event::NeedMore) {
        REQUIRE(data.empty());
        return true;
      }
      report(step);
      if (step.event == Event::Bad) return false;
    }
  }

  void report(const RecordReader::Step& step) {
    if (step.event == Event::Content) {
      REQUIRE(!step.content.empty());
      if (type_ != step.type || id_ != step.id) flush();
      type_ = step.type;
      id_ = step.id;
      content_ += step.content;
      return;
    }
    flush();
    const std::string id = std::to_string(step.id);
    if (step.event == Event::StreamEnd) {
      text_ += "StreamEnd " + std::string(type_name(step.type)) + " " + id + "\n";
    } else if (step.event == Event::End) {
      text_ += "End " + id + " app=" + std::to_string(step.end.app_status) +
               " status=" + std::to_string(static_cast<unsigned>(step.end.protocol_status)) + "\n";
    } else if (step.event == Event::Values) {
      text_ += "Values " + test::quoted(step.content) + "\n";
    } else {
      text_ += "Bad: " + std::string(step.reason) + "\n";
    }
  }

  void flush() {
    if (content_.empty()) return;
    text_ += "Content " + std::string(type_name(type_)) + " " + std::to_string(id_) + " " +
             test::quoted(content_) + "\n";
    content_.clear();
  }

  RecordReader reader_;
  RecordType type_ = RecordType::UnknownType;
  std::uint16_t id_ = 0;
  std::string content_;
  std::string text_;
};

std::string_view kind_name(FieldKind kind) {
  constexpr std::array<std::string_view, 19> kNames{"",
                                                    "ContentLength",
                                                    "ContentType",
                                                    "Date",
                                                    "Location",
                                                    "Server",
                                                    "SetCookie",
                                                    "Variable",
                                                    "Connection",
                                                    "KeepAlive",
                                                    "Proxy",
                                                    "Status",
                                                    "Trailer",
                                                    "TransferEncoding",
                                                    "Upgrade",
                                                    "XAccel",
                                                    "XAccelBuffering",
                                                    "XAccelRedirect",
                                                    "XSendfile"};
  return kNames.at(static_cast<std::size_t>(kind));
}

std::string describe(const ReplyHead& head) {
  std::string text = std::to_string(head.status());
  if (!head.status_reason().empty()) text += " " + test::quoted(head.status_reason());
  text += head.interim() ? " interim\n" : "\n";
  for (const Field& field : head.fields()) {
    text += std::string(field.name) + ": " + test::quoted(field.value);
    if (field.kind != FieldKind::Other) text += " " + std::string(kind_name(field.kind));
    text += field.withheld() ? " withheld\n" : "\n";
  }
  if (head.content_length()) {
    text += "content-length " + std::to_string(*head.content_length()) + "\n";
  }
  if (head.location_kind() != LocationKind::None) {
    text += head.location_kind() == LocationKind::Local ? "local " : "absolute ";
    text += test::quoted(head.location()) + (head.local_redirect() ? " redirect\n" : "\n");
  }
  return text;
}

std::string head_transcript(ReplyHead& head, const std::vector<std::string_view>& pieces) {
  head.reset(kLimit);
  std::string text;
  std::string body;
  bool done = false;
  for (const std::string_view piece : pieces) {
    if (done) {
      body += piece;
      continue;
    }
    const ReplyHead::Step step = head.next(piece);
    if (step.event == ReplyHead::Event::Bad) return "Bad: " + std::string(head.error()) + "\n";
    done = step.event == ReplyHead::Event::Done;
    REQUIRE((done || step.consumed == piece.size()));
    body += piece.substr(step.consumed);
  }
  if (!done) return "ended: " + std::string(head.ended()) + "\n";
  return describe(head) + "body " + test::quoted(body) + "\n";
}

void check_records(std::string_view file) {
  for (const test::Transcript& transcript : test::load_transcripts(file)) {
    CAPTURE(transcript.title);
    test::check_all_cuts(transcript.input, transcript.expected,
                         [](const auto& pieces) { return RecordTranscript().of(pieces); });
  }
}

// One object reads all, so that nothing of a head may leak into the next.
void check_heads(std::string_view file) {
  ReplyHead head;
  for (const test::Transcript& transcript : test::load_transcripts(file)) {
    CAPTURE(transcript.title);
    test::check_all_cuts(transcript.input, transcript.expected,
                         [&](const auto& pieces) { return head_transcript(head, pieces); });
  }
}

TEST_CASE("RecordReader: good streams give their transcript however they are cut") {
  check_records("records.txt");
}

TEST_CASE("RecordReader: streams that are not FastCGI give their transcript however they are cut") {
  check_records("bad_records.txt");
}

TEST_CASE("ReplyHead: good heads give their transcript however they are cut") {
  check_heads("heads.txt");
}

TEST_CASE("ReplyHead: malformed heads give their reason however they are cut") {
  check_heads("bad_heads.txt");
}

}  // namespace
}  // namespace millrace::fcgi
