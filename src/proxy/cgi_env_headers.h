// Header fields as HTTP_* variables (RFC 3875 4.1.18), and the ones that must not become any.
//
// - A name of letters, digits and "-" maps to HTTP_ and its upper case with "_". Two of those names
//   give one variable only if they are the same name.
// - A name with another byte (an underscore, a dot) is not passed. Applications and languages fold
//   those bytes too, so where it would give the variable of a field that is passed, or that of a
//   body's length or type, the request is ambiguous.
// - Not passed: Proxy (httpoxy), hop-by-hop fields and what Connection names (RFC 9110 7.6.1), but
//   for the fields that a Connection must not be able to hide.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "http/request.h"
#include "proxy/scratch_text.h"

namespace millrace::proxy {

class HeaderVariables {
 public:
  struct Variable {
    std::string_view name;  // with HTTP_
    std::string_view value;
  };

  // Reads all fields; false: they are ambiguous. What is put together goes to `text`.
  [[nodiscard]] bool gather(const http::RequestHead& head, ScratchText& text);

  // Of the last gather(), in the order of their first fields.
  [[nodiscard]] std::span<const Variable> variables() const { return variables_; }
  [[nodiscard]] bool has_content_type() const { return has_content_type_; }
  [[nodiscard]] std::string_view content_type() const { return content_type_; }

 private:
  enum class Kind : std::uint8_t { Passed, Kept, Host, Cookie, ContentType, Connection, Dropped };

  struct Entry {
    std::string_view name;  // with HTTP_
    std::string_view value;
    std::uint32_t hash = 0;
    std::uint32_t next = 0;  // the next field of this name; 0: none, the first entry is never one
    std::uint32_t last = 0;  // of the first: the last field of this name
    Kind kind = Kind::Passed;
    bool repeated = false;  // not the first of its name
  };

  static Kind kind_of(std::string_view name);
  void start(std::size_t fields);
  void read(const http::Field& field, const http::RequestHead& head, ScratchText& text);
  void enter(Entry entry);
  [[nodiscard]] Entry* find(std::string_view name, std::uint32_t hash);
  void drop_named(std::string_view connection, ScratchText& text);
  [[nodiscard]] bool ambiguous(ScratchText& text);
  [[nodiscard]] std::string_view joined(const Entry& first, ScratchText& text) const;

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> buckets_;        // index into entries_ + 1; open addressing
  std::vector<std::string_view> odd_;         // names with a byte that is not passed
  std::vector<std::string_view> connection_;  // values of Connection fields
  std::vector<Variable> variables_;
  std::string_view content_type_;
  bool has_content_type_ = false;
};

}  // namespace millrace::proxy
