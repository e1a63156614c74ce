// What a request head must keep as a whole, when each of its lines is well formed: the rules about
// the target, the host, the framing and what the client expects.
#pragma once

#include <string>

#include "http/request.h"

namespace millrace::http {

// Memory that the views of a RequestHead may point into. It is kept from request to request.
struct HeadScratch {
  std::string path;
  std::string host;
};

// Fills the rest of `head`, of which the method, the target, the version, the fields, chunked and
// content_length are there, and says whether it is acceptable. 405 and 417 come last: they are the
// refusals after which the connection can go on, so nothing else may be wrong.
[[nodiscard]] Refusal complete_head(RequestHead& head, HeadScratch& scratch);

}  // namespace millrace::http
