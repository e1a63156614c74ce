// The head of a CGI response (RFC 3875 6): field lines up to a blank one, then the body.
//
//     *( name ":" OWS value OWS [CR] LF ) [CR] LF
//
// Each line may end in LF or CRLF, whatever the others do. Everything else that is not exactly this
// form is Bad: what an application means by a malformed head is not guessed, since every guess has
// been a way to smuggle a response (a bare CR, a NUL, a folded line).
//
// The head is looked for first and parsed when it is whole, so how it was cut changes nothing. One
// that is whole in the first call is never copied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::fcgi {

// The fields that somebody treats apart; found while parsing, so that nobody compares names again.
enum class FieldKind : std::uint8_t {
  Other,
  ContentLength,
  ContentType,
  Date,
  Location,
  Server,
  SetCookie,
  Variable,  // Variable-NAME: what an authorizer hands to the application (FastCGI 1.0 6.3).
  // From here on: not for the client. Framing and the connection are the proxy's own.
  Connection,
  KeepAlive,
  Proxy,  // Proxy-anything
  Status,
  Trailer,
  TransferEncoding,
  Upgrade,
  XAccel,  // X-Accel-anything but the next two
  XAccelBuffering,
  XAccelRedirect,
  XSendfile,
};

// The kind of a name, whatever its case. A token.
[[nodiscard]] FieldKind field_kind(std::string_view name);

struct Field {
  std::string_view name;
  std::string_view value;  // Without the blanks around it.
  FieldKind kind = FieldKind::Other;

  [[nodiscard]] bool withheld() const { return kind >= FieldKind::Connection; }
};

enum class LocationKind : std::uint8_t {
  None,
  Absolute,  // Anything that does not begin with a slash: for the client (RFC 3875 6.2.3).
  Local,     // Begins with a slash (6.2.2).
};

class ReplyHead {
 public:
  enum class Event : std::uint8_t { NeedMore, Done, Bad };
  struct Step {
    Event event = Event::NeedMore;
    std::size_t consumed = 0;  // Of Done: where the body begins. Of NeedMore: all.
  };

  // Begins a head that may have `limit` bytes, the blank line included; 0: any number.
  void reset(std::size_t limit);
  // The next piece of STDOUT. Not after Done or Bad. All views below are into `data` if the head
  // was whole in the first call, else into own storage; they end with reset().
  Step next(std::string_view data);
  // STDOUT has ended without Done: that is Bad, and this the reason.
  std::string_view ended();

  // After Done.
  [[nodiscard]] int status() const { return status_; }  // 200 unless the head says otherwise.
  [[nodiscard]] bool has_status() const { return has_status_; }
  [[nodiscard]] std::string_view status_reason() const { return reason_; }
  // 100 or 103: another head follows; call reset() for it.
  [[nodiscard]] bool interim() const { return status_ < 200; }
  // All but Status; a repeated equal Content-Length or Location once.
  [[nodiscard]] std::span<const Field> fields() const { return fields_; }
  [[nodiscard]] std::optional<std::uint64_t> content_length() const { return content_length_; }
  [[nodiscard]] LocationKind location_kind() const { return location_kind_; }
  [[nodiscard]] std::string_view location() const { return location_; }
  // The request is to be routed again, to location() (6.2.2): a local Location, no Status and no
  // other field than Content-Type.
  [[nodiscard]] bool local_redirect() const { return local_redirect_; }

  // After Bad: why, for the log. The application's bytes are not in it.
  [[nodiscard]] std::string_view error() const { return error_; }

 private:
  [[nodiscard]] Step whole(std::string_view head, std::size_t consumed);
  [[nodiscard]] Step bad(std::string_view what);
  // The reason why it is malformed, or nothing.
  [[nodiscard]] std::string_view parse(std::string_view head);
  [[nodiscard]] std::string_view parse_line(std::string_view line);
  [[nodiscard]] std::string_view take(const Field& field);
  [[nodiscard]] std::string_view take_status(std::string_view value);
  [[nodiscard]] std::string_view take_content_length(const Field& field);
  [[nodiscard]] std::string_view take_location(const Field& field);
  void draw_conclusions();

  std::size_t limit_ = 0;
  std::size_t scanned_ = 0;  // In held_: where the first line begins that is not known to be whole.
  std::size_t line_ = 0;     // The line being parsed, from 1.
  int status_ = 200;
  bool has_status_ = false;
  bool local_redirect_ = false;
  LocationKind location_kind_ = LocationKind::None;
  std::optional<std::uint64_t> content_length_;
  std::string_view reason_;
  std::string_view location_;
  std::vector<Field> fields_;
  std::string held_;  // A head that came in pieces.
  std::string error_;
};

}  // namespace millrace::fcgi
