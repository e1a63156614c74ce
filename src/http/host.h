// The host that a request names, in Host or in an absolute target (RFC 9110 7.2): whether it is one
// (RFC 3986 3.2.2), and the form by which sites are found.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace millrace::http {

// `text` is host [ ":" port ]. The result is the host in lower case, without port and trailing dot,
// an IP literal with its brackets; a view into `text` where that is so already, else into
// `scratch`. Nothing where it is not a reg-name or an IP literal, has an empty label, or a port
// over 65535.
[[nodiscard]] std::optional<std::string_view> normalize_host(std::string_view text,
                                                             std::string& scratch);

}  // namespace millrace::http
