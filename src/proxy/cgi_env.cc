#include "proxy/cgi_env.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/must.h"
#include "fcgi/params.h"
#include "proxy/template.h"

namespace millrace::proxy {

namespace {

using Standard = CgiEnv::Standard;

constexpr std::array<std::string_view, 18> kNames = {
    "SERVER_NAME",     "SERVER_ADDR",    "SERVER_PORT",     "SERVER_PROTOCOL", "REQUEST_METHOD",
    "REQUEST_URI",     "REQUEST_SCHEME", "HTTPS",           "QUERY_STRING",    "SCRIPT_NAME",
    "SCRIPT_FILENAME", "PATH_INFO",      "PATH_TRANSLATED", "DOCUMENT_URI",    "REMOTE_ADDR",
    "REMOTE_PORT",     "CONTENT_TYPE",   "CONTENT_LENGTH",
};
static_assert(kNames[static_cast<std::size_t>(Standard::ContentLength)] == "CONTENT_LENGTH");

constexpr std::string_view kHeaderPrefix = "HTTP_";

std::string_view protocol_of(const http::RequestHead& head, const RequestFacts& facts) {
  if (!facts.protocol.empty()) return facts.protocol;
  return head.minor_version == 0 ? "HTTP/1.0" : "HTTP/1.1";
}

}  // namespace

CgiEnv::CgiEnv(const config::Config& config, const config::Site& site, const config::Route& route,
               const config::Member& member, std::string_view server_software)
    : site_(site), route_(route), member_(member) {
  if (route.apache_script_filename) {
    apache_prefix_ = route::apache_prefix(config.backends.at(member.backend).address);
  }
  // Without a root, what the url says is the best that is known.
  document_root_ = route.root.empty() ? member.script_root : route.root;
  set_constant("GATEWAY_INTERFACE", "CGI/1.1");
  set_constant("SERVER_SOFTWARE", server_software);
  set_constant("REDIRECT_STATUS", "200");  // a PHP built with force-cgi-redirect asks for it
  set_constant("DOCUMENT_ROOT", document_root_);
  apply_env();
  if (route.env_if.empty()) encode_constants();
}

void CgiEnv::set_constant(std::string_view name, std::string_view value) {
  remove_constant(name);
  constants_.push_back({std::string(name), std::string(value)});
}

void CgiEnv::remove_constant(std::string_view name) {
  std::erase_if(constants_, [name](const Constant& constant) { return constant.name == name; });
}

// After this, a name that `env` decides comes from nowhere else.
void CgiEnv::apply_env() {
  for (const config::EnvEntry& entry : route_.env) {
    remove_constant(entry.name);
    if (entry.name.starts_with(kHeaderPrefix)) env_headers_.push_back(entry.name);
    const auto* const standard = std::find(kNames.begin(), kNames.end(), entry.name);
    if (standard != kNames.end()) overridden_ |= 1U << (standard - kNames.begin());
    if (entry.remove) continue;
    if (entry.value.constant()) {
      const auto& parts = entry.value.parts;
      set_constant(entry.name, parts.empty() ? std::string_view() : parts.front().literal);
    } else {
      env_.push_back(&entry);
    }
  }
}

void CgiEnv::encode_constants() {
  for (const Constant& constant : constants_) {
    std::string pair;
    fcgi::append_pair(pair, constant.name, constant.value);
    constants_too_large_ = constants_too_large_ || pair.size() > fcgi::ParamsWriter::kEncodedMax;
    const bool joins = !encoded_.empty() && encoded_.back().size() + pair.size() <= kEncodedBytes;
    if (!joins) encoded_.emplace_back();
    encoded_.back() += pair;
  }
}

bool CgiEnv::overridden(Standard variable) const {
  return (overridden_ >> static_cast<unsigned>(variable) & 1U) != 0;
}

bool CgiEnv::overridden(std::string_view header_variable) const {
  return std::find(env_headers_.begin(), env_headers_.end(), header_variable) != env_headers_.end();
}

route::Script CgiEnv::script(std::string_view path, route::ScriptScratch& scratch) const {
  return route::find_script(route_, member_, apache_prefix_, path, scratch);
}

EnvResult CgiEnv::encode(const http::RequestHead& head, const RequestFacts& facts,
                         std::optional<std::uint64_t> content_length, EnvScratch& scratch,
                         fcgi::ParamsWriter& out) const {
  scratch.variables.clear();
  scratch.text.clear();
  if (!scratch.headers.gather(head, scratch.text)) return EnvResult::BadRequest;
  const Request request{.head = head,
                        .facts = facts,
                        .content_length = content_length,
                        .script = script(head.path, scratch.script)};
  add_standard(request, scratch);
  add_body(request, scratch);
  add_headers(scratch);
  add_env(request, scratch);
  if (!route_.env_if.empty()) apply_env_if(template_input(request), scratch);
  return write(scratch, out);
}

void CgiEnv::add(Standard variable, std::string_view value, Variables& out) const {
  if (overridden(variable)) return;
  out.push_back({.name = kNames[static_cast<std::size_t>(variable)], .value = value});
}

void CgiEnv::add_standard(const Request& request, EnvScratch& scratch) const {
  const http::RequestHead& head = request.head;
  const RequestFacts& facts = request.facts;
  const route::Script& script = request.script;
  Variables& out = scratch.variables;
  add(Standard::ServerName, effective_host(head, site_, facts), out);
  add(Standard::ServerAddr, facts.server_addr, out);
  add(Standard::ServerPort, facts.server_port, out);
  add(Standard::ServerProtocol, protocol_of(head, facts), out);
  add(Standard::RequestMethod, head.method_text, out);
  add(Standard::RequestUri, request_uri(head, scratch.uri), out);
  add(Standard::RequestScheme, facts.scheme, out);
  if (!facts.tls_version.empty()) add(Standard::Https, "on", out);
  add(Standard::QueryString, head.query, out);
  add(Standard::ScriptName, script.script_name, out);
  add(Standard::ScriptFilename, script.script_filename, out);
  add(Standard::DocumentUri, script.document_uri, out);
  add(Standard::RemoteAddr, facts.remote_addr, out);
  add(Standard::RemotePort, facts.remote_port, out);
  if (script.path_info.empty()) return;
  add(Standard::PathInfo, script.path_info, out);
  if (overridden(Standard::PathTranslated)) return;
  char* const room = scratch.text.room(document_root_.size() + script.path_info.size());
  std::copy(script.path_info.begin(), script.path_info.end(),
            std::copy(document_root_.begin(), document_root_.end(), room));
  add(Standard::PathTranslated, scratch.text.take(document_root_.size() + script.path_info.size()),
      out);
}

void CgiEnv::add_body(const Request& request, EnvScratch& scratch) const {
  if (const auto type = scratch.headers.content_type(); type) {
    add(Standard::ContentType, *type, scratch.variables);
    if (!overridden(Standard::ContentType)) scratch.variables.back().header = true;
  }
  if (!request.content_length) return;
  constexpr std::size_t kDigitsMax = 20;
  char* const digits = scratch.text.room(kDigitsMax);
  const auto end = std::to_chars(digits, digits + kDigitsMax, *request.content_length).ptr;
  add(Standard::ContentLength, scratch.text.take(static_cast<std::size_t>(end - digits)),
      scratch.variables);
}

void CgiEnv::add_headers(EnvScratch& scratch) const {
  for (const HeaderVariables::Variable& variable : scratch.headers.variables()) {
    if (!env_headers_.empty() && overridden(variable.name)) continue;
    scratch.variables.push_back({.name = variable.name, .value = variable.value, .header = true});
  }
}

TemplateInput CgiEnv::template_input(const Request& request) const {
  return {.head = request.head,
          .facts = request.facts,
          .site = site_,
          .script_name = request.script.script_name,
          .path_info = request.script.path_info};
}

void CgiEnv::add_env(const Request& request, EnvScratch& scratch) const {
  const TemplateInput input = template_input(request);
  for (const config::EnvEntry* entry : env_) {
    scratch.working.clear();
    expand(entry->value, input, Escape::None, scratch.working);
    scratch.variables.push_back({.name = entry->name, .value = scratch.text.copy(scratch.working)});
  }
  if (route_.env_if.empty()) return;
  for (const Constant& constant : constants_) {
    scratch.variables.push_back({.name = constant.name, .value = constant.value});
  }
}

EnvResult CgiEnv::write(const EnvScratch& scratch, fcgi::ParamsWriter& out) const {
  if (constants_too_large_) return EnvResult::TooLarge;
  for (const std::string& pairs : encoded_) {
    MUST(out.add_encoded(pairs));
  }
  for (const EnvScratch::Variable& variable : scratch.variables) {
    if (out.add(variable.name, variable.value)) continue;
    return variable.header ? EnvResult::HeaderTooLarge : EnvResult::TooLarge;
  }
  return EnvResult::Ok;
}

}  // namespace millrace::proxy
