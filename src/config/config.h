// The configuration as plain structs, checked and resolved: what load.h makes of a file. A Config
// is immutable; every request holds on to the one that it began with. Defaults are those of
// docs/configuration.md. Cross references are indices, so that nothing dangles when it is moved.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace re2 {
class RE2;
}

namespace millrace::config {

using Millis = std::chrono::milliseconds;

// A socket address as written: a numeric or named host and port, or a Unix socket's path.
struct Address {
  enum class Kind : std::uint8_t { Tcp, Unix };
  Kind kind = Kind::Tcp;
  std::string host;  // Tcp: without brackets.
  std::uint16_t port = 0;
  std::string path;  // Unix
  friend bool operator==(const Address&, const Address&) = default;
  [[nodiscard]] std::string text() const;  // "127.0.0.1:9000", "[::1]:9000", "unix:/run/app.sock"
};

enum class Variable : std::uint8_t {
  Host,
  Path,
  Query,
  RequestUri,
  Method,
  Scheme,
  RemoteAddr,
  RemotePort,
  ServerAddr,
  ServerPort,
  TlsVersion,
  RequestId,
  ScriptName,
  PathInfo,
  Header,
};

// A text with ${variables}, parsed once. A part is literal text followed by at most one variable.
struct Template {
  struct Part {
    std::string literal;
    std::optional<Variable> variable;
    std::string header;  // Variable::Header: the field's name, in lower case.
  };
  std::vector<Part> parts;
  [[nodiscard]] bool constant() const {
    return parts.empty() || (parts.size() == 1 && !parts.front().variable);
  }
};

// A configuration value that may be absent inherits: a route's from the file's top level.
struct Limits {
  std::uint64_t uri = 8'192;
  std::uint64_t header_bytes = 32'768;
  std::uint64_t headers = 100;
  std::uint64_t body = 0;  // 0: no limit
  std::uint64_t requests_per_connection = 0;
  std::uint64_t response_header_bytes = 65'536;
  std::uint64_t response_buffer = 262'144;  // no limit is the largest number, not 0
};

// 0: no timeout, but for keepalive, where 0 closes after each request.
struct Timeouts {
  Millis header{10'000};
  Millis body{30'000};
  Millis keepalive{60'000};
  Millis send{30'000};
  Millis connect{2'000};
  Millis response{60'000};
  Millis total{0};
};

// An address that applications listen on: one table entry over all threads and routes.
struct Backend {
  Address address;
  std::uint64_t max = 0;    // connections over all workers; 0: no limit
  std::uint64_t slots = 0;  // application processes; 0: unknown
  std::uint64_t idle = 16;  // idle connections kept over all workers
  Millis idle_timeout{60'000};
  Millis queue{1'000};
};

inline constexpr std::uint16_t kMultiplexAuto = 64;

struct Member {
  std::string name;         // the url, unless named
  std::string url;          // as written
  std::size_t backend = 0;  // index into Config::backends
  std::string script_root;  // the url's path if longer than "/", without its last "/"; else empty
  bool reuse = true;
  bool probe = true;  // "auto"; false: "off"
  // So many requests share a connection, where the application says that it can; 0: "off".
  std::uint16_t multiplex = kMultiplexAuto;
  std::uint32_t weight = 100;  // hundredths, 1 to 10,000
  Millis retry{60'000};
  std::uint32_t fails_count = 1;
  Millis fails_within{10'000};
  bool retry_non_idempotent = false;
};

struct Balancer {
  std::string name;    // of a plain target: its url
  bool plain = false;  // a route's own target: never marked failed, always tried
  std::vector<Member> members;
  std::uint32_t attempts = 0;  // members tried for one request; 0: all
};

struct EnvEntry {
  std::string name;
  Template value;
  bool remove = false;  // `false` in the file: the variable is not sent
};

struct EnvIf {
  std::string header;  // lower case; empty: `var` is asked
  std::string var;     // a CGI variable's name
  std::shared_ptr<const re2::RE2> matches;
  std::string set;          // the variable set, or
  std::string unset;        // the variable removed
  std::string value = "1";  // as written: with $0 to $9 and ${variables}
  Template value_parts;     // the same; only its literals hold $0 to $9
};

struct HeaderEntry {
  std::string name;
  Template value;
};

enum class Handler : std::uint8_t { Target, Redirect, Respond };
enum class Buffering : std::uint8_t { Auto, Off, On };

struct Route {
  // Matching
  std::string path;                       // empty where `match` is set
  bool below = false;                     // an exact path that also covers what is below it
  std::string match_text;                 // as written
  std::shared_ptr<const re2::RE2> match;  // null where `path` is set
  std::vector<std::string> methods;       // empty: any

  // Handler
  Handler handler = Handler::Respond;
  std::size_t balancer = 0;  // Target: index into Config::balancers
  Template redirect_to;
  int status = 0;  // Redirect, Respond
  Template body;   // Respond

  // FastCGI
  std::string root;  // the site's where the route has none; without a last "/", so "" for "/"
  std::vector<std::string> split_path;
  std::string index = "index.php";
  std::optional<std::string> script;
  bool check_file = false;
  bool apache_script_filename = false;
  std::vector<EnvEntry> env;
  std::vector<EnvIf> env_if;
  Buffering request_buffering = Buffering::Auto;
  std::vector<int> intercept_errors;
  std::vector<HeaderEntry> add_headers;
  std::vector<std::string> remove_headers;  // lower case

  Limits limits;      // effective
  Timeouts timeouts;  // effective
};

struct ErrorPage {
  int status = 0;
  std::string content_type;
  std::string body;
};

struct Site {
  std::vector<std::string> hosts;      // lower case; "*.suffix" or exact; empty: the default site
  std::vector<std::size_t> listeners;  // indices into Config::listeners; empty: all
  std::string root;                    // without a last "/"
  std::vector<Route> routes;           // in file order
  std::vector<ErrorPage> error_pages;
};

struct Listener {
  Address address;  // numeric
  int backlog = 4096;
  std::string name;
};

enum class LogLevel : std::uint8_t { Error, Warn, Info, Debug };

struct Server {
  std::uint32_t workers = 0;  // 0: "auto"
  std::string user;
  std::string group;
  std::string pid_file;
  std::uint64_t max_connections = 0;
  Millis shutdown_timeout{30'000};
  bool server_tokens = true;
};

struct Log {
  enum class Format : std::uint8_t { Json, Combined };
  std::string access = "off";    // nothing else is supported yet
  Format format = Format::Json;  // of the access log
  std::string error = "stderr";  // "stderr" or a path
  LogLevel level = LogLevel::Info;
};

struct Config {
  std::string file;
  Server server;
  Log log;
  Limits limits;
  Timeouts timeouts;
  std::vector<Listener> listeners;
  std::vector<Site> sites;
  std::vector<Balancer> balancers;
  std::vector<Backend> backends;
};

}  // namespace millrace::config
