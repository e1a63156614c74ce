// The bodies of the proxy's own error responses, and the choice between their two forms.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

#include "base/ascii.h"
#include "http/writer.h"

namespace millrace::http {
namespace {

using base::equal_ignoring_case;

constexpr int kQualityOne = 1000;

// RFC 9110 12.4.2: "0.8" is 800; what is no quality counts as 0.
int parse_quality(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return 0;
  if (text.size() > 1 && text[1] != '.') return 0;
  int quality = text[0] == '1' ? kQualityOne : 0;
  int unit = kQualityOne;
  for (const char c : text.substr(std::min<std::size_t>(2, text.size()))) {
    if (!base::is_digit(c)) return 0;
    unit /= 10;
    quality += (c - '0') * unit;
  }
  return std::min(quality, kQualityOne);
}

// The quality among the parameters of a media range.
int quality_of(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::size_t end = std::min(parameters.find(';'), parameters.size());
    const std::string_view parameter = base::trim(parameters.substr(0, end));
    if (equal_ignoring_case(parameter.substr(0, 2), "q=")) {
      return parse_quality(parameter.substr(2));
    }
    parameters.remove_prefix(std::min(end + 1, parameters.size()));
  }
  return kQualityOne;
}

bool is_json(std::string_view range) {
  constexpr std::string_view kApplication = "application/";
  if (!equal_ignoring_case(range.substr(0, kApplication.size()), kApplication)) return false;
  const std::string_view subtype = range.substr(kApplication.size());
  constexpr std::string_view kSuffix = "+json";
  return subtype == "*" || equal_ignoring_case(subtype, "json") ||
         (subtype.size() > kSuffix.size() &&
          equal_ignoring_case(subtype.substr(subtype.size() - kSuffix.size()), kSuffix));
}

bool is_html(std::string_view range) {
  return equal_ignoring_case(range, "text/html") || equal_ignoring_case(range, "text/*") ||
         equal_ignoring_case(range, "application/xhtml+xml");
}

// Letters, digits and a few marks stay as they are; anything else becomes what is harmless in HTML
// and in a JSON string alike.
void append_safe(std::string& out, std::string_view text) {
  for (const char c : text) {
    out.push_back(base::is_alnum(c) || c == '-' || c == '.' ? c : '_');
  }
}

}  // namespace

bool prefers_json(std::string_view accept) {
  int json = 0;
  int html = 0;
  base::for_each_element(accept, [&json, &html](std::string_view element) {
    const std::size_t end = std::min(element.find(';'), element.size());
    const std::string_view range = base::trim(element.substr(0, end));
    const int quality = quality_of(element.substr(std::min(end + 1, element.size())));
    if (is_json(range)) json = std::max(json, quality);
    if (is_html(range)) html = std::max(html, quality);
  });
  return json > 0 && json >= html;
}

void error_body(int status, bool json, std::string_view request_id, std::string& out) {
  std::array<char, 12> buffer = {};
  const char* end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), status).ptr;
  const std::string_view digits(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  const std::string_view phrase = reason_phrase(status).empty() ? "Error" : reason_phrase(status);
  out.clear();
  if (json) {
    out.append("{\"status\":").append(digits);
    out.append(",\"error\":\"").append(phrase).append("\"");
    if (!request_id.empty()) {
      out.append(",\"request_id\":\"");
      append_safe(out, request_id);
      out.append("\"");
    }
    out.append("}\n");
    return;
  }
  out.append("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>");
  out.append(digits).append(" ").append(phrase);
  out.append("</title></head>\n<body><h1>").append(digits).append(" ").append(phrase);
  out.append("</h1>");
  if (!request_id.empty()) {
    out.append("<p>Request ");
    append_safe(out, request_id);
    out.append("</p>");
  }
  out.append("</body></html>\n");
}

}  // namespace millrace::http
