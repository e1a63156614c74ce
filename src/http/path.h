// The path of a request as everything behind the parser sees it: decoded exactly once, then without
// ".", ".." and "//". What was matched against a route is what the application gets, so nothing may
// be decoded again later, and an encoding that could be read in two ways is refused (%2F, %00).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace millrace::http {

// `raw` without its query. The result is a view into `raw` where that is normal already, else into
// `scratch`. Nothing where it does not begin with "/", has a control byte (encoded or not), %2F or
// a
// "%" without two hex digits, or leads above the root. A slash at the end stays: "/a/.." is "/".
[[nodiscard]] std::optional<std::string_view> normalize_path(std::string_view raw,
                                                             std::string& scratch);

}  // namespace millrace::http
