// ${variables} in configured text, filled in from one request. A value is never looked at again, so
// a client that sends "${...}" gets exactly that.
#pragma once

#include <string>
#include <string_view>

#include "config/config.h"
#include "http/request.h"
#include "proxy/request_facts.h"

namespace millrace::proxy {

struct TemplateInput {
  const http::RequestHead& head;
  const RequestFacts& facts;
  const config::Site& site;
  std::string_view script_name;
  std::string_view path_info;
};

// How variables are put in. Uri: bytes that no URI may hold are percent-encoded, and in decoded
// values (path, script_name, path_info) also those that would mean something else there.
enum class Escape : bool { None, Uri };

// Appends to `out`.
void expand(const config::Template& text, const TemplateInput& input, Escape escape,
            std::string& out);

// The value of a part's variable, which it must have. Appends to `out`.
void append_value(const config::Template::Part& part, const TemplateInput& input, Escape escape,
                  std::string& out);

// A header's value, by its name in lower case; several fields joined by ", " (Cookie: "; ").
// Appends to `out`.
void append_header(const http::RequestHead& head, std::string_view name, std::string& out);

// The target in origin form: the path as sent and the query. A view into the head, but for an
// absolute target without a path, which is put together in `scratch`.
[[nodiscard]] std::string_view request_uri(const http::RequestHead& head, std::string& scratch);

}  // namespace millrace::proxy
