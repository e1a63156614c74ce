#include "proxy/cgi_env_headers.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/ascii.h"
#include "http/fields.h"

namespace millrace::proxy {

namespace {

constexpr std::string_view kPrefix = "HTTP_";
constexpr std::string_view kContentLength = "HTTP_CONTENT_LENGTH";
constexpr std::string_view kContentType = "HTTP_CONTENT_TYPE";

// The byte of a variable's name that each byte of a field's name gives; with kOdd where a name that
// holds it is not passed.
constexpr unsigned char kOdd = 0x80;
constexpr std::array<unsigned char, 256> kMapped = [] {
  std::array<unsigned char, 256> table{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    const auto c = static_cast<char>(static_cast<unsigned char>(byte));
    unsigned char mapped = '_';
    if (base::is_alnum(c)) {
      mapped = static_cast<unsigned char>(base::to_upper(c));
    } else if (c != '-') {
      mapped = '_' | kOdd;
    }
    table[byte] = mapped;
  }
  return table;
}();

// From the name's length and its last eight bytes, which differ where it matters.
std::uint64_t hash_of(std::string_view name) {
  std::uint64_t tail = 0;
  const std::size_t bytes = std::min(name.size(), sizeof tail);
  std::memcpy(&tail, name.data() + name.size() - bytes, bytes);
  constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15;
  return (tail + name.size()) * kMultiplier;
}

}  // namespace

bool HeaderVariables::gather(const http::RequestHead& head, ScratchText& text) {
  start(head.fields.size());
  const http::HopByHop hop(head.fields);
  for (const http::Field& field : head.fields) {
    read(field, hop, text);
  }
  if (ambiguous()) return false;
  publish(head, text);
  return true;
}

void HeaderVariables::start(std::size_t fields) {
  entries_.clear();
  odd_.clear();
  variables_.clear();
  content_type_.reset();
  constexpr std::size_t kBucketsMin = 32;
  buckets_.assign(std::max(std::bit_ceil(2 * fields), kBucketsMin), kNone);
}

void HeaderVariables::read(const http::Field& field, const http::HopByHop& hop, ScratchText& text) {
  char* const name = text.room(kPrefix.size() + field.name.size());
  std::memcpy(name, kPrefix.data(), kPrefix.size());
  char* at = name + kPrefix.size();
  unsigned char seen = 0;
  for (const char c : field.name) {
    const unsigned char mapped = kMapped[static_cast<unsigned char>(c)];
    seen |= mapped;
    *at++ = static_cast<char>(mapped & ~kOdd);
  }
  const std::string_view variable = text.take(kPrefix.size() + field.name.size());
  if ((seen & kOdd) != 0) {
    odd_.push_back(variable);
  } else {
    enter({.name = variable, .value = field.value, .hash = hash_of(variable)}, field.name, hop);
  }
}

void HeaderVariables::enter(Entry entry, std::string_view field_name, const http::HopByHop& hop) {
  const auto index = static_cast<std::uint32_t>(entries_.size());
  std::uint32_t& bucket = bucket_of(entry.name, entry.hash);
  if (bucket == kNone) {
    bucket = entry.last = index;
    entry.kind = hop.passes(field_name) ? kind_of(entry.name) : Kind::Dropped;
  } else {
    Entry& first = entries_[bucket];
    entries_[first.last].next = index;
    first.last = index;
    entry.first = false;
  }
  entries_.push_back(entry);
}

// The entry of that name, or the free bucket where it belongs. There are more buckets than fields.
std::uint32_t& HeaderVariables::bucket_of(std::string_view name, std::uint64_t hash) {
  const std::size_t mask = buckets_.size() - 1;
  std::size_t at = (hash >> 32) & mask;
  while (buckets_[at] != kNone) {
    const Entry& entry = entries_[buckets_[at]];
    if (entry.hash == hash && entry.name == name) break;
    at = (at + 1) & mask;
  }
  return buckets_[at];
}

HeaderVariables::Kind HeaderVariables::kind_of(std::string_view name) {
  switch (name.size()) {
    case 9:
      return name == "HTTP_HOST" ? Kind::Host : Kind::Passed;
    case 10:
      return name == "HTTP_PROXY" ? Kind::Dropped : Kind::Passed;
    case 11:
      return name == "HTTP_COOKIE" ? Kind::Cookie : Kind::Passed;
    case kContentType.size():
      return name == kContentType ? Kind::ContentType : Kind::Passed;
    case kContentLength.size():
      return name == kContentLength ? Kind::Dropped : Kind::Passed;
    default:
      return Kind::Passed;
  }
}

bool HeaderVariables::ambiguous() {
  return std::any_of(odd_.begin(), odd_.end(), [this](std::string_view name) {
    if (name == kContentLength || name == kContentType) return true;
    const std::uint32_t entry = bucket_of(name, hash_of(name));
    return entry != kNone && entries_[entry].kind != Kind::Dropped;
  });
}

void HeaderVariables::publish(const http::RequestHead& head, ScratchText& text) {
  bool has_host = false;
  for (const Entry& entry : entries_) {
    if (!entry.first || entry.kind == Kind::Dropped) continue;
    const bool is_host = entry.kind == Kind::Host;
    has_host = has_host || is_host;
    const std::string_view value = is_host ? head.host : joined(entry, text);
    if (entry.kind == Kind::ContentType) {
      content_type_ = value;
    } else {
      variables_.push_back({.name = entry.name, .value = value});
    }
  }
  // HTTP/1.0 with an absolute target and no Host.
  if (!has_host && !head.host.empty()) {
    variables_.push_back({.name = "HTTP_HOST", .value = head.host});
  }
}

std::string_view HeaderVariables::joined(const Entry& first, ScratchText& text) const {
  if (first.next == kNone) return first.value;
  const std::string_view separator = first.kind == Kind::Cookie ? "; " : ", ";
  std::size_t size = first.value.size();
  for (std::uint32_t at = first.next; at != kNone; at = entries_[at].next) {
    size += separator.size() + entries_[at].value.size();
  }
  char* out = text.room(size);
  out = std::copy(first.value.begin(), first.value.end(), out);
  for (std::uint32_t at = first.next; at != kNone; at = entries_[at].next) {
    out = std::copy(separator.begin(), separator.end(), out);
    out = std::copy(entries_[at].value.begin(), entries_[at].value.end(), out);
  }
  return text.take(size);
}

}  // namespace millrace::proxy
