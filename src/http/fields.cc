#include "http/fields.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"

namespace millrace::http {
namespace {

using base::equal_ignoring_case;

constexpr std::string_view kConnection = "connection";

// RFC 9110 7.6.1 and, from RFC 2616 13.5.1, those that mean nothing to anyone behind us: we end the
// trailers and are the proxy.
bool concerns_connection(std::string_view name) {
  switch (name.size()) {
    case 2:
      return equal_ignoring_case(name, "te");
    case 7:
      return equal_ignoring_case(name, "upgrade") || equal_ignoring_case(name, "trailer");
    case 10:
      return equal_ignoring_case(name, kConnection) || equal_ignoring_case(name, "keep-alive");
    case 16:
      return equal_ignoring_case(name, "proxy-connection");
    case 17:
      return equal_ignoring_case(name, "transfer-encoding");
    case 18:
      return equal_ignoring_case(name, "proxy-authenticate");
    case 19:
      return equal_ignoring_case(name, "proxy-authorization");
    default:
      return false;
  }
}

bool cannot_be_named(std::string_view name) {
  constexpr std::array<std::string_view, 5> kKept = {"host", "content-length", "content-type",
                                                     "authorization", "forwarded"};
  constexpr std::string_view kForwarded = "x-forwarded-";
  return equal_ignoring_case(name.substr(0, kForwarded.size()), kForwarded) ||
         std::any_of(kKept.begin(), kKept.end(),
                     [name](std::string_view kept) { return equal_ignoring_case(name, kept); });
}

}  // namespace

const Field* find(std::span<const Field> fields, std::string_view name) {
  const auto found = std::find_if(fields.begin(), fields.end(), [name](const Field& field) {
    return equal_ignoring_case(field.name, name);
  });
  return found == fields.end() ? nullptr : &*found;
}

HopByHop::HopByHop(std::span<const Field> fields) : fields_(fields) {
  for (const Field& field : fields_) {
    if (!equal_ignoring_case(field.name, kConnection)) continue;
    base::for_each_element(field.value, [this](std::string_view element) {
      names_others_ = names_others_ || !(equal_ignoring_case(element, "keep-alive") ||
                                         equal_ignoring_case(element, "close"));
    });
  }
}

bool HopByHop::passes(std::string_view name) const {
  if (concerns_connection(name)) return false;
  return !names_others_ || !is_named(name) || cannot_be_named(name);
}

bool HopByHop::is_named(std::string_view name) const {
  bool named = false;
  for (const Field& field : fields_) {
    if (!equal_ignoring_case(field.name, kConnection)) continue;
    base::for_each_element(field.value, [&named, name](std::string_view element) {
      named = named || equal_ignoring_case(element, name);
    });
  }
  return named;
}

}  // namespace millrace::http
