#include "unit/fcgi/transcript.h"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <fstream>
#include <memory>
#include <utility>

#include "base/ascii.h"
#include "fcgi/protocol.h"

namespace millrace::test {
namespace {

// Takes the next word, or what stands in quotes with its `*N`, from the front of a line.
std::string take_word(std::string_view& line) {
  line = base::trim(line);
  std::size_t end = 0;
  bool quote = false;
  while (end < line.size() && (quote || line[end] != ' ')) {
    if (line[end] == '"') quote = !quote;
    if (quote && line[end] == '\\') ++end;
    ++end;
  }
  std::string word(line.substr(0, end));
  line.remove_prefix(end);
  return word;
}

char unescape(std::string_view text, std::size_t& at) {
  switch (text[++at]) {
    case 'r':
      return '\r';
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case '0':
      return '\0';
    case 'x':
      at += 2;
      return static_cast<char>(base::hex_value(text[at - 1]) * 16 + base::hex_value(text[at]));
    default:
      return text[at];
  }
}

// `"text"` or `"text"*N`.
std::string unquote(std::string_view word) {
  std::string text;
  std::size_t at = 1;
  for (; at < word.size() && word[at] != '"'; ++at) {
    text += word[at] == '\\' ? unescape(word, at) : word[at];
  }
  REQUIRE(at < word.size());
  if (at + 1 == word.size()) return text;
  REQUIRE(word[at + 1] == '*');
  std::string repeated;
  const auto times = base::parse_decimal(word.substr(at + 2));
  REQUIRE(times.has_value());
  for (std::uint64_t i = 0; i < *times; ++i)
    repeated += text;
  return repeated;
}

std::string from_hex(std::string_view line) {
  std::string bytes;
  for (std::string word = take_word(line); !word.empty(); word = take_word(line)) {
    REQUIRE(word.size() == 2);
    bytes += static_cast<char>(base::hex_value(word[0]) * 16 + base::hex_value(word[1]));
  }
  return bytes;
}

fcgi::RecordType type_of(std::string_view word) {
  using fcgi::RecordType;
  static const std::array<std::pair<std::string_view, RecordType>, 7> kNames{{
      {"STDOUT", RecordType::Stdout},
      {"STDERR", RecordType::Stderr},
      {"END", RecordType::EndRequest},
      {"BEGIN", RecordType::BeginRequest},
      {"STDIN", RecordType::Stdin},
      {"VALUES", RecordType::GetValuesResult},
      {"UNKNOWN", RecordType::UnknownType},
  }};
  for (const auto& [name, type] : kNames) {
    if (name == word) return type;
  }
  const auto number = base::parse_decimal(word);
  REQUIRE(number.has_value());
  return static_cast<RecordType>(*number);
}

std::string record(std::string_view line) {
  fcgi::Header header;
  header.type = type_of(take_word(line));
  header.id = static_cast<std::uint16_t>(base::parse_decimal(take_word(line)).value_or(0));
  const std::string content = unquote(take_word(line));
  REQUIRE(content.size() <= fcgi::kContentMax);
  header.content_length = static_cast<std::uint16_t>(content.size());
  for (std::string word = take_word(line); !word.empty(); word = take_word(line)) {
    const std::size_t equals = word.find('=');
    const auto number =
        static_cast<std::uint8_t>(base::parse_decimal(word.substr(equals + 1)).value_or(0));
    (word.substr(0, equals) == "padding" ? header.padding_length : header.version) = number;
  }
  std::string bytes(fcgi::kHeaderBytes, '\0');
  encode_header(bytes.data(), header);
  return bytes + content + std::string(header.padding_length, '\xaa');
}

std::string input_line(std::string_view line) {
  const std::string word = take_word(line);
  if (word == "record") return record(line);
  if (word == "text") return unquote(base::trim(line));
  REQUIRE(word == "bytes");
  return from_hex(line);
}

std::string feed_pieces(
    std::string_view input, std::size_t first, std::size_t rest,
    const std::function<std::string(const std::vector<std::string_view>&)>& feed) {
  std::vector<std::unique_ptr<char[]>> memory;
  std::vector<std::string_view> pieces;
  std::size_t size = first;
  while (!input.empty()) {
    const std::string_view piece = input.substr(0, size);
    memory.push_back(std::make_unique<char[]>(piece.size()));
    piece.copy(memory.back().get(), piece.size());
    pieces.emplace_back(memory.back().get(), piece.size());
    input.remove_prefix(piece.size());
    size = rest;
  }
  return feed(pieces);
}

}  // namespace

std::vector<Transcript> load_transcripts(std::string_view name) {
  std::ifstream file(std::string(FCGI_TRANSCRIPTS "/") + std::string(name));
  REQUIRE(file.good());
  std::vector<Transcript> cases;
  bool input = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ")) {
      cases.push_back({.title = line.substr(3), .input = {}, .expected = {}});
      input = true;
    } else if (line.empty() || line.front() == '#') {
      continue;
    } else if (line == "=>") {
      input = false;
    } else if (input) {
      cases.back().input += input_line(line);
    } else {
      cases.back().expected += line + "\n";
    }
  }
  REQUIRE(!cases.empty());
  return cases;
}

void check_all_cuts(std::string_view input, std::string_view expected,
                    const std::function<std::string(const std::vector<std::string_view>&)>& feed) {
  constexpr std::size_t kShort = 400;
  constexpr std::size_t kStride = 4099;
  CHECK(feed_pieces(input, input.size(), input.size(), feed) == expected);
  CHECK(feed_pieces(input, 1, 1, feed) == expected);
  for (std::size_t cut = 1; cut < input.size();
       cut += cut < kShort || cut + kShort / 2 > input.size() ? 1 : kStride) {
    INFO("cut at " << cut);
    CHECK(feed_pieces(input, cut, input.size(), feed) == expected);
  }
}

std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 64;
  if (text.size() > kShown) return std::to_string(text.size()) + " bytes";
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string shown = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\r') {
      shown += "\\r";
    } else if (c == '\n') {
      shown += "\\n";
    } else if (c == '\t') {
      shown += "\\t";
    } else if (byte < ' ' || byte > 0x7e) {
      shown += std::string("\\x") + kDigits[byte >> 4] + kDigits[byte & 15];
    } else {
      shown += c;
    }
  }
  return shown + "\"";
}

}  // namespace millrace::test
