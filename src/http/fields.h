// Questions about a list of field lines.
#pragma once

#include <span>
#include <string_view>

#include "http/request.h"

namespace millrace::http {

// The first field of that name, in any case; null if there is none.
[[nodiscard]] const Field* find(std::span<const Field> fields, std::string_view name);

// Which fields end at this hop (RFC 9110 7.6.1): those that concern the connection, and those that
// Connection names. Naming one that says where a request goes, what its body is, or who asks
// changes nothing: a client could else take from the application what it relies on.
class HopByHop {
 public:
  // The fields are not copied.
  explicit HopByHop(std::span<const Field> fields);

  // Whether a field of this name goes on to the next hop.
  [[nodiscard]] bool passes(std::string_view name) const;

 private:
  [[nodiscard]] bool is_named(std::string_view name) const;

  std::span<const Field> fields_;
  bool names_others_ = false;  // Connection has an element that is not the usual one.
};

}  // namespace millrace::http
