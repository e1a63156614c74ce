// Header fields as HTTP_* variables (RFC 3875 4.1.18), and the ones that must not become any.
//
// - A name of letters, digits and "-" maps to HTTP_ and its upper case with "_". Two of those names
//   give one variable only if they are the same name.
// - A name with another byte (an underscore, a dot) is not passed. Applications and languages fold
//   those bytes too, so where it would give the variable of a field that is passed, or that of a
//   body's length or type, the request is ambiguous.
// - Not passed: Proxy (httpoxy), and fields that end at this hop (RFC 9110 7.6.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "http/fields.h"
#include "http/request.h"
#include "proxy/scratch_text.h"

namespace millrace::proxy {

class HeaderVariables {
 public:
  struct Variable {
    std::string_view name;  // with HTTP_
    std::string_view value;
  };

  // Reads all fields; false: they are ambiguous. What has to be put together goes to `text`.
  [[nodiscard]] bool gather(const http::RequestHead& head, ScratchText& text);

  // Of the last gather(), in the order in which the names came first.
  [[nodiscard]] std::span<const Variable> variables() const { return variables_; }
  [[nodiscard]] std::optional<std::string_view> content_type() const { return content_type_; }

 private:
  enum class Kind : std::uint8_t { Passed, Host, Cookie, ContentType, Dropped };

  static constexpr std::uint32_t kNone = UINT32_MAX;

  struct Entry {
    std::string_view name;  // with HTTP_
    std::string_view value;
    std::uint64_t hash = 0;
    std::uint32_t next = kNone;  // the next field of this name
    std::uint32_t last = kNone;  // of the first: the last field of this name
    Kind kind = Kind::Passed;
    bool first = true;
  };

  static Kind kind_of(std::string_view name);
  void start(std::size_t fields);
  void read(const http::Field& field, const http::HopByHop& hop, ScratchText& text);
  void enter(Entry entry, std::string_view field_name, const http::HopByHop& hop);
  [[nodiscard]] std::uint32_t& bucket_of(std::string_view name, std::uint64_t hash);
  [[nodiscard]] bool ambiguous();
  void publish(const http::RequestHead& head, ScratchText& text);
  [[nodiscard]] std::string_view joined(const Entry& first, ScratchText& text) const;

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> buckets_;  // entries_ by name, open addressing; kNone: free
  std::vector<std::string_view> odd_;   // variables of names with a byte that is not passed
  std::vector<Variable> variables_;
  std::optional<std::string_view> content_type_;
};

}  // namespace millrace::proxy
