// `env_if`: rules that set or remove variables by what a header or a variable says.
#include <re2/re2.h>

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "proxy/cgi_env.h"
#include "proxy/template.h"

namespace millrace::proxy {

namespace {

constexpr int kGroupsMax = 10;  // $0 to $9

using Groups = std::array<re2::StringPiece, kGroupsMax>;

// `value` with "$1" replaced; "$" before anything but a digit stands for itself.
void substitute(std::string_view value, const Groups& groups, std::string& out) {
  for (std::size_t i = 0; i < value.size(); ++i) {
    const bool group = value[i] == '$' && i + 1 < value.size() && base::is_digit(value[i + 1]);
    if (!group) {
      out += value[i];
      continue;
    }
    const re2::StringPiece& text = groups[static_cast<std::size_t>(value[++i] - '0')];
    out.append(text.data() == nullptr ? "" : text.data(), text.size());
  }
}

std::vector<EnvScratch::Variable>::iterator find(std::vector<EnvScratch::Variable>& variables,
                                                 std::string_view name) {
  return std::find_if(variables.begin(), variables.end(),
                      [name](const auto& variable) { return variable.name == name; });
}

}  // namespace

void CgiEnv::apply_env_if(const TemplateInput& input, EnvScratch& scratch) const {
  for (const config::EnvIf& rule : route_.env_if) {
    apply(rule, input, scratch);
  }
}

// What is absent counts as empty, so that "^$" asks for it.
void CgiEnv::apply(const config::EnvIf& rule, const TemplateInput& input,
                   EnvScratch& scratch) const {
  std::string_view asked;
  if (rule.header.empty()) {
    const auto variable = find(scratch.variables, rule.var);
    if (variable != scratch.variables.end()) asked = variable->value;
  } else {
    scratch.working.clear();
    append_header(input.head, rule.header, scratch.working);
    asked = scratch.text.copy(scratch.working);
  }

  Groups groups;
  const int count = std::min(rule.matches->NumberOfCapturingGroups() + 1, kGroupsMax);
  const re2::StringPiece text(asked.data(), asked.size());
  if (!rule.matches->Match(text, 0, text.size(), re2::RE2::UNANCHORED, groups.data(), count)) {
    return;
  }
  if (rule.set.empty()) {
    std::erase_if(scratch.variables,
                  [&](const auto& variable) { return variable.name == rule.unset; });
    return;
  }
  scratch.working.clear();
  for (const config::Template::Part& part : rule.value_parts.parts) {
    substitute(part.literal, groups, scratch.working);
    if (part.variable) append_value(part, input, Escape::None, scratch.working);
  }
  const std::string_view value = scratch.text.copy(scratch.working);
  const auto variable = find(scratch.variables, rule.set);
  if (variable == scratch.variables.end()) {
    scratch.variables.push_back({.name = rule.set, .value = value});
  } else {
    *variable = {.name = rule.set, .value = value};
  }
}

}  // namespace millrace::proxy
