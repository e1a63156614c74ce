#include "http/path.h"

#include <algorithm>
#include <cstddef>

#include "base/ascii.h"

namespace millrace::http {
namespace {

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

// A byte after which the path may not be normal, or must be refused.
bool is_suspect(char c, char next) {
  return c == '%' || is_control(c) || (c == '/' && (next == '/' || next == '.'));
}

bool is_normal(std::string_view path) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (is_suspect(path[i], i + 1 < path.size() ? path[i + 1] : '\0')) return false;
  }
  return true;
}

// Decodes `raw` into `out`; false where it must be refused.
bool decode(std::string_view raw, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < raw.size(); ++i) {
    char c = raw[i];
    if (c == '%') {
      if (raw.size() - i < 3) return false;
      const int high = base::hex_value(raw[i + 1]);
      const int low = base::hex_value(raw[i + 2]);
      if (high < 0 || low < 0) return false;
      c = static_cast<char>(high * 16 + low);
      if (c == '/') return false;
      i += 2;
    }
    if (is_control(c)) return false;
    out.push_back(c);
  }
  return true;
}

// Resolves "//", "." and ".." within `path`, which begins with "/"; false where ".." leads out.
// What is kept is never longer than what was read, so it is done in place.
bool resolve(std::string& path) {
  std::size_t kept = 1;  // Always ends behind a slash.
  std::size_t at = 1;
  while (at < path.size()) {
    const std::size_t slash = path.find('/', at);
    const std::size_t end = slash == std::string::npos ? path.size() : slash;
    const std::string_view segment = std::string_view(path).substr(at, end - at);
    at = end + 1;
    if (segment.empty() || segment == ".") continue;
    if (segment == "..") {
      if (kept == 1) return false;
      kept = path.rfind('/', kept - 2) + 1;
      continue;
    }
    const std::size_t bytes = segment.size() + (slash == std::string::npos ? 0 : 1);
    std::copy_n(segment.data(), bytes, path.begin() + static_cast<std::ptrdiff_t>(kept));
    kept += bytes;
  }
  path.resize(kept);
  return true;
}

}  // namespace

std::optional<std::string_view> normalize_path(std::string_view raw, std::string& scratch) {
  if (raw.empty() || raw.front() != '/') return std::nullopt;
  if (is_normal(raw)) return raw;
  if (!decode(raw, scratch) || !resolve(scratch)) return std::nullopt;
  return scratch;
}

}  // namespace millrace::http
