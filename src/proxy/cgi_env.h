// The CGI environment of a request (RFC 3875 4.1, with nginx's and Apache's usual additions) as
// FastCGI PARAMS. One CgiEnv per route and member, made when the configuration is loaded: what does
// not depend on the request is encoded there, once.
//
// Order of power: the standard variables and HTTP_* < `env` < `env_if`. A name is sent once.
// Invariants: values are views until they are written, and a request that is refused has written
// nothing that may be sent; a client can add variables only under HTTP_, and never two header
// fields of different names under one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "fcgi/record_writer.h"
#include "http/request.h"
#include "proxy/cgi_env_headers.h"
#include "proxy/request_facts.h"
#include "proxy/scratch_text.h"
#include "proxy/template.h"
#include "route/script.h"

namespace millrace::proxy {

enum class EnvResult : std::uint8_t {
  Ok,
  BadRequest,      // 400: two header names for one variable
  HeaderTooLarge,  // 431: a header that no record can hold
  TooLarge,        // 500: another variable that no record can hold
};

// A worker's memory for building environments, one at a time.
struct EnvScratch {
  struct Variable {
    std::string_view name;
    std::string_view value;
    bool header = false;  // the client's
  };
  std::vector<Variable> variables;
  HeaderVariables headers;
  ScratchText text;     // what had to be put together, for as long as the request is built
  std::string working;  // the same, while its length is not known
  std::string uri;
  route::ScriptScratch script;
};

class CgiEnv {
 public:
  // Keeps references to the parts of `config`, which must outlive it. `server_software` is
  // "millrace/VERSION".
  CgiEnv(const config::Config& config, const config::Site& site, const config::Route& route,
         const config::Member& member, std::string_view server_software);

  // Writes all pairs; the caller ends the stream with out.finish(). `content_length` is that of the
  // body as it will be sent, if known. After anything but Ok, what `out` got must not be sent.
  [[nodiscard]] EnvResult encode(const http::RequestHead& head, const RequestFacts& facts,
                                 std::optional<std::uint64_t> content_length, EnvScratch& scratch,
                                 fcgi::ParamsWriter& out) const;

  // The same split that encode() makes, for callers that need the file: check_file, redirects.
  [[nodiscard]] route::Script script(std::string_view path, route::ScriptScratch& scratch) const;

  // The standard variables that depend on the request.
  enum class Standard : std::uint8_t {
    ServerName,
    ServerAddr,
    ServerPort,
    ServerProtocol,
    RequestMethod,
    RequestUri,
    RequestScheme,
    Https,
    QueryString,
    ScriptName,
    ScriptFilename,
    PathInfo,
    PathTranslated,
    DocumentUri,
    RemoteAddr,
    RemotePort,
    ContentType,
    ContentLength,
  };

 private:
  using Variables = std::vector<EnvScratch::Variable>;

  // Constants are encoded in pieces of about this size, which fit the blocks they are copied to.
  static constexpr std::size_t kEncodedBytes = 1024;

  struct Constant {
    std::string name;
    std::string value;
  };
  struct Request {
    const http::RequestHead& head;
    const RequestFacts& facts;
    std::optional<std::uint64_t> content_length;
    route::Script script;
  };

  void set_constant(std::string_view name, std::string_view value);
  void remove_constant(std::string_view name);
  void apply_env();
  void encode_constants();
  [[nodiscard]] bool overridden(Standard variable) const;
  [[nodiscard]] bool overridden(std::string_view header_variable) const;

  void add(Standard variable, std::string_view value, Variables& out) const;
  void add_standard(const Request& request, EnvScratch& scratch) const;
  void add_body(const Request& request, EnvScratch& scratch) const;
  void add_headers(EnvScratch& scratch) const;
  void add_env(const Request& request, EnvScratch& scratch) const;
  [[nodiscard]] TemplateInput template_input(const Request& request) const;
  void apply_env_if(const TemplateInput& input, EnvScratch& scratch) const;
  void apply(const config::EnvIf& rule, const TemplateInput& input, EnvScratch& scratch) const;
  [[nodiscard]] EnvResult write(const EnvScratch& scratch, fcgi::ParamsWriter& out) const;

  const config::Site& site_;
  const config::Route& route_;
  const config::Member& member_;
  std::string apache_prefix_;
  std::string document_root_;
  std::vector<Constant> constants_;
  std::vector<std::string> encoded_;           // constants_, unless env_if may look at them
  std::vector<const config::EnvEntry*> env_;   // those with variables
  std::vector<std::string_view> env_headers_;  // names beginning with HTTP_ that env decides
  std::uint32_t overridden_ = 0;               // a bit per Standard
  bool constants_too_large_ = false;
};

}  // namespace millrace::proxy
