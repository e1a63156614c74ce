// The head of a request as the rest of the program sees it: views, already checked. A RequestHead
// is filled by the RequestParser (or by another front, such as HTTP/2) and owns nothing; its views
// live as long as the bytes they were read from, see RequestParser::head().
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace millrace::http {

// One field line: the name as sent, the value without the white space around it.
struct Field {
  std::string_view name;
  std::string_view value;
};

// The registered methods that an application may be asked with, and PURGE. Trace and Connect are
// never passed on; a token that is none of these is Unknown (405, RFC 9110 9.1).
enum class Method : std::uint8_t {
  Get,
  Head,
  Post,
  Put,
  Delete,
  Options,
  Patch,
  Acl,
  BaselineControl,
  Bind,
  Checkin,
  Checkout,
  Copy,
  Label,
  Link,
  Lock,
  Merge,
  MkActivity,
  MkCalendar,
  MkCol,
  MkRedirectRef,
  MkWorkspace,
  Move,
  OrderPatch,
  PropFind,
  PropPatch,
  Purge,
  Query,
  Rebind,
  Report,
  Search,
  Unbind,
  Uncheckout,
  Unlink,
  Unlock,
  Update,
  UpdateRedirectRef,
  VersionControl,
  Trace,
  Connect,
  Unknown,
};

// Case matters: "get" is Unknown.
[[nodiscard]] Method method_of(std::string_view text);
// Empty for Unknown.
[[nodiscard]] std::string_view text_of(Method method);

struct RequestHead {
  Method method = Method::Unknown;
  std::string_view method_text;
  std::string_view target;     // As sent.
  std::string_view raw_path;   // The target's path as sent; "/" where an absolute target has none.
  std::string_view query;      // As sent, without its "?".
  bool has_query = false;      // Also where the query is empty: "/a?".
  std::string_view path;       // Decoded once, then normalised; begins with "/". Empty for "*".
  bool asterisk = false;       // OPTIONS * (RFC 9112 3.2.4).
  unsigned minor_version = 1;  // Of HTTP/1: 0 or 1.
  std::span<const Field> fields;
  std::string_view host;       // As sent, or the target's authority; empty if there is none.
  std::string_view host_name;  // Lower case, without port and trailing dot: what routing uses.
  bool keep_alive = false;     // What the client wants (RFC 9112 9.3).
  bool chunked = false;
  std::optional<std::uint64_t> content_length;
  bool expect_continue = false;  // Only with a body.

  [[nodiscard]] bool has_body() const { return chunked || content_length.value_or(0) > 0; }
};

// Why a request is refused. status 0: it is not.
struct Refusal {
  int status = 0;
  std::string_view reason;  // For the log; a constant.
  // The head was read whole and no body follows: the connection can go on, behind the head.
  bool keep_alive_ok = false;
};

}  // namespace millrace::http
