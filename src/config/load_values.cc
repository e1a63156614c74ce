// Values: durations, sizes, names, templates, expressions. See load_values.h.
#include "config/load_values.h"

#include <fcntl.h>
#include <re2/re2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <limits>
#include <utility>

#include "base/ascii.h"
#include "base/fd.h"
#include "config/describe.h"

namespace millrace::config {
namespace {

constexpr std::uint64_t kYearMs = 365ULL * 24 * 3600 * 1000;
constexpr std::size_t kQuotedMax = 80;

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
constexpr std::array<Unit, 4> kDurationUnits = {
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}}};
constexpr std::array<Unit, 4> kSizeUnits = {
    {{"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}}};

std::size_t digits_of(std::string_view text) {
  return std::min(text.find_first_not_of("0123456789"), text.size());
}

// Digits, then exactly one of the units; nothing where the result is over `limit`.
template <std::size_t Count>
std::optional<std::uint64_t> scaled(std::string_view text, const std::array<Unit, Count>& units,
                                    std::uint64_t limit) {
  const std::size_t split = digits_of(text);
  const auto number = base::parse_decimal(text.substr(0, split));
  const auto* unit = std::find_if(units.begin(), units.end(), [&](const Unit& candidate) {
    return candidate.name == text.substr(split);
  });
  if (!number || unit == units.end() || *number > limit / unit->factor) return std::nullopt;
  return *number * unit->factor;
}

// Edit distance with transpositions, so that "wieght" is one step from "weight".
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> table(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    table[i][0] = i;
  }
  for (std::size_t j = 0; j <= b.size(); ++j) {
    table[0][j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t other = a[i - 1] == b[j - 1] ? 0 : 1;
      table[i][j] =
          std::min({table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + other});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) table[i][j] = std::min(table[i][j], table[i - 2][j - 2] + 1);
    }
  }
  return table[a.size()][b.size()];
}

std::string unknown_variable_hint(std::string_view name) {
  const std::vector<std::string_view> known = {
      "host",        "path",        "query",       "request_uri", "method",
      "scheme",      "remote_addr", "remote_port", "server_addr", "server_port",
      "tls_version", "request_id",  "script_name", "path_info",   "header.NAME"};
  std::string hint = did_you_mean(name, known);
  if (!hint.empty()) return hint;
  std::string all = "the variables are";
  for (const std::string_view each : known) {
    all.append(each == known.front() ? " " : ", ").append(each);
  }
  return all;
}

}  // namespace

std::optional<Millis> duration_of(const Node& node) {
  if (node.kind == Node::Kind::Integer && node.integer == 0) return Millis{0};
  if (node.kind != Node::Kind::Text) return std::nullopt;
  const auto value = scaled(node.text, kDurationUnits, kYearMs);
  if (!value) return std::nullopt;
  return Millis{static_cast<Millis::rep>(*value)};
}

std::optional<std::uint64_t> size_of(const Node& node) {
  if (node.kind == Node::Kind::Integer && node.integer >= 0) {
    return static_cast<std::uint64_t>(node.integer);
  }
  if (node.kind != Node::Kind::Text) return std::nullopt;
  return scaled(node.text, kSizeUnits, std::numeric_limits<std::int64_t>::max());
}

std::string unit_hint(const Node& node, bool duration) {
  const bool integer = node.kind == Node::Kind::Integer && node.integer > 0;
  if (!integer && node.kind != Node::Kind::Text) return {};
  const std::string text = integer ? std::to_string(node.integer) : node.text;
  const std::size_t split = digits_of(text);
  if (split == 0) return {};
  const std::string number = text.substr(0, split);
  const std::string unit = lower_case(base::trim(std::string_view(text).substr(split)));
  std::string_view meant;
  if (duration && (unit.empty() || unit.starts_with("sec"))) meant = "s";
  if (duration && unit.starts_with("min")) meant = "m";
  if (duration && (unit == "ms" || unit == "s" || unit == "m" || unit == "h")) meant = unit;
  if (!duration && unit.starts_with('k')) meant = "KiB";
  if (!duration && unit.starts_with('m')) meant = "MiB";
  if (!duration && unit.starts_with('g')) meant = "GiB";
  const std::string whole = number + std::string(meant);
  // The same again: then it was the number that is too large.
  if (meant.empty() || (whole == text && !integer)) return {};
  return "did you mean `\"" + whole + "\"`?";
}

std::string in_quotes(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text.substr(0, kQuotedMax)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      out += c;
      continue;
    }
    out += "\\x";
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out + (text.size() > kQuotedMax ? "...\"" : "\"");
}

std::string described(const Node& node) {
  switch (node.kind) {
    case Node::Kind::Text:
      return in_quotes(node.text);
    case Node::Kind::Integer:
      return std::to_string(node.integer);
    case Node::Kind::Number: {
      std::array<char, 32> digits{};
      const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), node.number);
      return {digits.data(), end.ptr};
    }
    case Node::Kind::Flag:
      return node.flag ? "true" : "false";
    case Node::Kind::Time:
      return "a date or time";
    case Node::Kind::List:
      return node.items.empty() ? "an empty list" : "a list";
    case Node::Kind::Table:
      break;
  }
  return "a table";
}

std::string did_you_mean(std::string_view wrong, const std::vector<std::string_view>& known) {
  constexpr std::size_t kLongest = 64;
  if (wrong.size() > kLongest) return {};
  const std::string folded = lower_case(wrong);
  const std::size_t few = std::max<std::size_t>(wrong.size() / 3, 1);
  std::size_t best = kLongest + 1;
  std::string_view nearest;
  for (const std::string_view candidate : known) {
    if (candidate.size() > kLongest) continue;
    const std::size_t steps = distance(folded, lower_case(candidate));
    const std::size_t common = std::min(folded.size(), candidate.size());
    const bool shortened = common >= 3 && folded.substr(0, common) == candidate.substr(0, common);
    if ((steps > few && !shortened) || steps >= best) continue;
    best = steps;
    nearest = candidate;
  }
  return nearest.empty() ? std::string() : "did you mean `" + std::string(nearest) + "`?";
}

bool has_control_bytes(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

bool is_variable_name(std::string_view name) {
  if (name.empty() || base::is_digit(name.front())) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return base::is_alnum(c) || c == '_'; });
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), base::to_lower);
  return out;
}

std::string without_last_slash(std::string_view path) {
  while (path.ends_with('/')) {
    path.remove_suffix(1);
  }
  return std::string(path);
}

std::optional<std::string> contents_of(const std::string& path, std::size_t limit,
                                       std::string& error) {
  // O_NONBLOCK: opening a named pipe must not hang.
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!fd.valid() || ::fstat(fd.get(), &status) != 0) {
    error = std::strerror(errno);
    return std::nullopt;
  }
  if (!S_ISREG(status.st_mode)) {
    error = "not a regular file";
    return std::nullopt;
  }
  std::string out;
  std::array<char, 4096> chunk{};
  while (true) {
    const ssize_t got = ::read(fd.get(), chunk.data(), chunk.size());
    if (got == 0) return out;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      error = std::strerror(errno);
      return std::nullopt;
    }
    out.append(chunk.data(), static_cast<std::size_t>(got));
    if (out.size() > limit) {
      error = "larger than " + std::to_string(limit) + " bytes";
      return std::nullopt;
    }
  }
}

std::optional<Template> template_of(std::string_view text, Problem& problem) {
  Template result;
  while (true) {
    const std::size_t start = text.find("${");
    if (start == std::string_view::npos) break;
    const std::size_t end = text.find('}', start);
    if (end == std::string_view::npos) {
      problem = {"${ without its }", {}};
      return std::nullopt;
    }
    const std::string_view name = text.substr(start + 2, end - start - 2);
    Template::Part part{std::string(text.substr(0, start)), variable_of(name), {}};
    if (name.starts_with("header.") && base::is_token(name.substr(7))) {
      part.variable = Variable::Header;
      part.header = lower_case(name.substr(7));
    }
    if (!part.variable) {
      problem = {"unknown variable " + in_quotes(text.substr(start, end + 1 - start)),
                 unknown_variable_hint(name)};
      return std::nullopt;
    }
    result.parts.push_back(std::move(part));
    text.remove_prefix(end + 1);
  }
  if (!text.empty()) result.parts.push_back({std::string(text), std::nullopt, {}});
  return result;
}

std::shared_ptr<const re2::RE2> expression_of(std::string_view text, Problem& problem) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  auto expression =
      std::make_shared<const re2::RE2>(re2::StringPiece(text.data(), text.size()), options);
  if (expression->ok()) return expression;
  problem = {"bad regular expression: " + expression->error(), {}};
  return nullptr;
}

}  // namespace millrace::config
