// Field names by length and letters: each name is compared with the few that it could be.
#include "base/ascii.h"
#include "fcgi/reply_head.h"

namespace millrace::fcgi {
namespace {

bool is(std::string_view name, std::string_view lower) {
  return base::equal_ignoring_case(name, lower);
}

bool begins(std::string_view name, std::string_view lower) {
  return name.size() > lower.size() && is(name.substr(0, lower.size()), lower);
}

FieldKind kind_of_c(std::string_view name) {
  if (name.size() == 14 && is(name, "content-length")) return FieldKind::ContentLength;
  if (name.size() == 12 && is(name, "content-type")) return FieldKind::ContentType;
  if (name.size() == 10 && is(name, "connection")) return FieldKind::Connection;
  return FieldKind::Other;
}

FieldKind kind_of_s(std::string_view name) {
  if (name.size() == 6 && is(name, "status")) return FieldKind::Status;
  if (name.size() == 6 && is(name, "server")) return FieldKind::Server;
  if (name.size() == 10 && is(name, "set-cookie")) return FieldKind::SetCookie;
  return FieldKind::Other;
}

FieldKind kind_of_t(std::string_view name) {
  if (name.size() == 17 && is(name, "transfer-encoding")) return FieldKind::TransferEncoding;
  if (name.size() == 7 && is(name, "trailer")) return FieldKind::Trailer;
  return FieldKind::Other;
}

FieldKind kind_of_x(std::string_view name) {
  if (name.size() == 10 && is(name, "x-sendfile")) return FieldKind::XSendfile;
  if (!begins(name, "x-accel-")) return FieldKind::Other;
  if (is(name, "x-accel-redirect")) return FieldKind::XAccelRedirect;
  return is(name, "x-accel-buffering") ? FieldKind::XAccelBuffering : FieldKind::XAccel;
}

}  // namespace

// By the first letter, then by the length: most names are done with after one comparison.
FieldKind field_kind(std::string_view name) {
  switch (name.empty() ? '\0' : base::to_lower(name.front())) {
    case 'c':
      return kind_of_c(name);
    case 'd':
      return is(name, "date") ? FieldKind::Date : FieldKind::Other;
    case 'k':
      return is(name, "keep-alive") ? FieldKind::KeepAlive : FieldKind::Other;
    case 'l':
      return is(name, "location") ? FieldKind::Location : FieldKind::Other;
    case 'p':
      return begins(name, "proxy-") ? FieldKind::Proxy : FieldKind::Other;
    case 's':
      return kind_of_s(name);
    case 't':
      return kind_of_t(name);
    case 'u':
      return is(name, "upgrade") ? FieldKind::Upgrade : FieldKind::Other;
    case 'v':
      return begins(name, "variable-") ? FieldKind::Variable : FieldKind::Other;
    case 'x':
      return kind_of_x(name);
    default:
      return FieldKind::Other;
  }
}

}  // namespace millrace::fcgi
