// The keys of a route about the FastCGI request and its response's fields.
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "base/ascii.h"
#include "config/load_build.h"

namespace millrace::config {
namespace {

// Without a target these would be ignored silently.
constexpr std::array<std::string_view, 10> kTargetKeys = {"root",
                                                          "split_path",
                                                          "index",
                                                          "script",
                                                          "check_file",
                                                          "apache_script_filename",
                                                          "env",
                                                          "env_if",
                                                          "request_buffering",
                                                          "intercept_errors"};

// The proxy's own: it frames the response, and says so.
constexpr std::array<std::string_view, 7> kFramingFields = {
    "connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"};

bool is_variable_key(Faults& faults, const Entry& entry) {
  if (is_variable_name(entry.key)) return true;
  faults.add(entry.at,
             "the name of a CGI variable has letters, digits and _, not " + in_quotes(entry.key));
  return false;
}

void read_split_path(Table& table, Route& route) {
  std::vector<const Node*> extensions;
  table.texts("split_path", extensions);
  for (const Node* node : extensions) {
    const bool good = node->text.size() > 1 && node->text.front() == '.' &&
                      node->text.find('/') == std::string::npos;
    if (!good) {
      const std::string hint =
          base::is_alnum(node->text.front()) ? "did you mean `\"." + node->text + "\"`?" : "";
      table.faults().add(node->at,
                         "an element of " + must_be("split_path", "an extension (\".php\")", *node),
                         hint);
      continue;
    }
    route.split_path.push_back(node->text);
  }
}

void read_script_keys(Table& table, const Site& site, Route& route) {
  std::string root = site.root;
  if (table.path("root", root) != nullptr) root = without_last_slash(root);
  route.root = root;
  read_split_path(table, route);
  const Node* index = table.text("index", route.index);
  if (index != nullptr && index->text.find('/') != std::string::npos) {
    table.fault(*index, "index", "a file's name without a /");
  }
  const Entry* split = table.find("split_path");
  const bool split_empty = split == nullptr || split->value.items.empty();
  if (index != nullptr && split_empty) {
    table.faults().add(index->at, "\"index\" has no meaning without \"split_path\"");
  }
  std::string script;
  if (table.text("script", script) != nullptr) route.script = script;
  table.flag("check_file", route.check_file);
  const Node* apache = table.flag("apache_script_filename", route.apache_script_filename);
  if (apache != nullptr && route.apache_script_filename && route.script) {
    table.faults().add(apache->at, "\"apache_script_filename\" and \"script\" exclude each other");
  }
}

void read_env(Table& parent, Route& route) {
  const Entry* env = parent.find("env");
  if (env == nullptr) return;
  if (env->value.kind != Node::Kind::Table) {
    parent.fault(env->value, "env", "a table, as in { NAME = \"value\" }");
    return;
  }
  for (const Entry& entry : env->value.entries) {
    if (!is_variable_key(parent.faults(), entry)) continue;
    EnvEntry out;
    out.name = entry.key;
    out.remove = entry.value.kind == Node::Kind::Flag && !entry.value.flag;
    if (!out.remove && entry.value.kind != Node::Kind::Text) {
      const std::string hint = entry.value.kind == Node::Kind::Integer
                                   ? "did you mean `\"" + described(entry.value) + "\"`?"
                                   : "";
      parent.fault(entry.value, entry.key, "a string, or false to remove the variable", hint);
      continue;
    }
    if (!out.remove) {
      auto value = read_template(parent.faults(), entry.value, entry.key, false);
      if (!value) continue;
      out.value = std::move(*value);
    }
    route.env.push_back(std::move(out));
  }
}

// One of two keys, never both and never none.
bool exactly_one(Table& table, std::string_view a, std::string_view b) {
  if (!table.valid() || table.has(a) != table.has(b)) return table.valid();
  const std::string what = table.has(a) ? " exclude each other" : ": one of them is needed";
  table.faults().add(table.at(), in_quotes(a) + " and " + in_quotes(b) + what);
  return false;
}

void read_condition_value(Table& table, EnvIf& out) {
  const Entry* entry = table.find("value");
  if (entry == nullptr) {
    out.value_parts.parts.push_back({out.value, std::nullopt, {}});
    return;
  }
  if (!out.unset.empty()) {
    table.faults().add(entry->at, "\"value\" has no meaning with \"unset\"");
  }
  const auto parts = read_template(table.faults(), entry->value, "value", false);
  if (!parts) return;
  out.value = entry->value.text;
  out.value_parts = *parts;
  if (out.matches == nullptr) return;
  const int groups = out.matches->NumberOfCapturingGroups();
  for (const Template::Part& part : parts->parts) {
    const std::string& text = part.literal;
    for (std::size_t at = text.find('$'); at != std::string::npos; at = text.find('$', at + 1)) {
      if (at + 1 == text.size() || !base::is_digit(text[at + 1])) continue;
      if (text[at + 1] - '0' <= groups) continue;
      const std::string group = text.substr(at + 1, 1);
      table.faults().add(entry->value.at, "\"matches\" has no group for $" + group);
    }
  }
}

void read_condition(Faults& faults, const Node& node, Route& route) {
  Table table(faults, node, "env_if", "an element of \"env_if\"");
  EnvIf out;
  exactly_one(table, "header", "var");
  exactly_one(table, "set", "unset");
  const Node* header = table.text("header", out.header);
  if (header != nullptr && !base::is_token(header->text)) {
    table.fault(*header, "header", "a header field's name");
  }
  out.header = lower_case(out.header);
  for (auto [key, target] :
       {std::pair{"var", &out.var}, std::pair{"set", &out.set}, std::pair{"unset", &out.unset}}) {
    const Node* name = table.text(key, *target);
    if (name == nullptr || is_variable_name(name->text)) continue;
    table.fault(*name, key, "the name of a CGI variable (letters, digits and _)");
  }
  const Entry* matches = table.find("matches");
  if (matches == nullptr && table.valid()) faults.add(node.at, "\"matches\" is missing");
  if (matches != nullptr && matches->value.kind != Node::Kind::Text) {
    table.fault(matches->value, "matches", "a regular expression");
  } else if (matches != nullptr) {
    Problem problem;
    out.matches = expression_of(matches->value.text, problem);
    if (out.matches == nullptr) faults.add(matches->value.at, problem.message, problem.hint);
  }
  read_condition_value(table, out);
  table.finish();
  route.env_if.push_back(std::move(out));
}

void read_conditions(Table& parent, Route& route) {
  const Entry* entry = parent.find("env_if");
  if (entry == nullptr) return;
  if (entry->value.kind != Node::Kind::List) {
    parent.fault(entry->value, "env_if", "a list of tables");
    return;
  }
  for (const Node& node : entry->value.items) {
    read_condition(parent.faults(), node, route);
  }
}

bool is_field_name(Faults& faults, Position at, const std::string& name) {
  if (!base::is_token(name)) {
    faults.add(at, "a header field's name has no spaces or separators, not " + in_quotes(name));
    return false;
  }
  const auto* framing = std::find(kFramingFields.begin(), kFramingFields.end(), lower_case(name));
  if (framing == kFramingFields.end()) return true;
  faults.add(at, "the field " + in_quotes(name) + " is the proxy's own");
  return false;
}

}  // namespace

std::optional<Template> read_template(Faults& faults, const Node& node, std::string_view key,
                                      bool one_line) {
  if (node.kind != Node::Kind::Text) {
    faults.add(node.at, must_be(key, "a string", node));
    return std::nullopt;
  }
  if (node.text.find('\0') != std::string::npos || (one_line && has_control_bytes(node.text))) {
    faults.add(node.at, must_be(key, "a string without control bytes", node));
    return std::nullopt;
  }
  Problem problem;
  auto result = template_of(node.text, problem);
  if (!result) faults.add(node.at, problem.message, problem.hint);
  return result;
}

void read_fastcgi_keys(Table& table, const Site& site, Route& route) {
  read_script_keys(table, site, route);
  read_env(table, route);
  read_conditions(table, route);
  std::size_t buffering = 0;
  table.choice("request_buffering", {"auto", "off", "on"}, buffering);
  constexpr std::array kBuffering = {Buffering::Auto, Buffering::Off, Buffering::On};
  route.request_buffering = kBuffering[buffering];
  table.numbers("intercept_errors", 400, 599, route.intercept_errors);
  const bool other_handler = table.has("redirect") || table.has("respond");
  if (!other_handler || table.has("to")) return;
  for (const std::string_view key : kTargetKeys) {
    const Entry* entry = table.find(key);
    if (entry == nullptr) continue;
    table.faults().add(entry->at, in_quotes(key) + " has no meaning without \"to\"");
  }
}

void read_response_headers(Table& table, Route& route) {
  const Entry* add = table.find("add_headers");
  if (add != nullptr && add->value.kind != Node::Kind::Table) {
    table.fault(add->value, "add_headers", "a table, as in { \"Cache-Control\" = \"no-store\" }");
  } else if (add != nullptr) {
    for (const Entry& entry : add->value.entries) {
      if (!is_field_name(table.faults(), entry.at, entry.key)) continue;
      auto value = read_template(table.faults(), entry.value, entry.key, true);
      if (value) route.add_headers.push_back({entry.key, std::move(*value)});
    }
  }
  std::vector<const Node*> removed;
  table.texts("remove_headers", removed);
  for (const Node* node : removed) {
    if (!is_field_name(table.faults(), node->at, node->text)) continue;
    route.remove_headers.push_back(lower_case(node->text));
  }
}

}  // namespace millrace::config
