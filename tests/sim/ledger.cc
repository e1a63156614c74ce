#include "sim/ledger.h"

namespace millrace::testing {

std::string tagged_body(std::string_view tag, std::size_t size) {
  std::string body;
  body.reserve(size + tag.size() + 24);
  while (body.size() < size) {
    const std::string offset = std::to_string(body.size());
    body.append(tag).append(1, '@').append(offset).append(1, '\n');
  }
  body.resize(size);
  return body;
}

}  // namespace millrace::testing
