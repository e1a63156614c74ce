// See snippets.h.
#include "unit/config/snippets.h"

#include <doctest/doctest.h>

#include <sstream>
#include <utility>

namespace millrace::config {
namespace {

std::string line_of(const Fault& fault) {
  std::string out = std::to_string(fault.line) + ':' + std::to_string(fault.column) + ": ";
  out += fault.message;
  return fault.hint.empty() ? out : out + " | " + fault.hint;
}

}  // namespace

std::string completed(std::string_view snippet) {
  std::string text(snippet);
  if (!snippet.starts_with("listen") && text.find("[listen") == std::string::npos) {
    text += "\n[[listen]]\naddress = \"127.0.0.1:8080\"\n";
  }
  if (!snippet.starts_with("site") && text.find("[site") == std::string::npos) {
    text += "\n[[site]]\n[[site.route]]\npath = \"/\"\nrespond = {}\n";
  }
  return text;
}

Config loaded(std::string_view snippet) {
  Loaded result = load_text(completed(snippet), "test.toml");
  std::string faults;
  for (const Fault& fault : result.faults) {
    faults += render(fault, "test.toml", result.source) + '\n';
  }
  REQUIRE_MESSAGE(result.config.has_value(), faults);
  return std::move(*result.config);
}

std::string difference(const FaultyRow& row) {
  const Loaded loaded = load_text(completed(row.text), "test.toml");
  std::string expected;
  std::istringstream lines{std::string(row.faults)};
  for (std::string line; std::getline(lines, line);) {
    const bool continues = line.starts_with("    ");
    if (continues) expected.pop_back();
    expected.append(line, continues ? 3 : 0).append("\n");
  }
  std::string found;
  for (const Fault& fault : loaded.faults) {
    found += line_of(fault) + '\n';
  }
  const bool consistent = loaded.config.has_value() == loaded.faults.empty();
  if (found == expected && consistent) return {};
  return std::string(row.text) + "\n--- expected\n" + expected + "--- found\n" + found;
}

}  // namespace millrace::config
