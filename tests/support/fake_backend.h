// A FastCGI application as a script, good or hostile: for each request the script says which bytes
// follow, how fast, and what becomes of the connection. What the proxy sends is read strictly;
// whatever breaks FastCGI 1.0 is noted in violations(), which every test checks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/fcgi_wire.h"
#include "support/sim_net.h"

namespace millrace::testing {

struct AppRequest {
  int id = 0;
  bool keep = false;
  std::map<std::string, std::string> env;
  std::string stdin_bytes;
  bool stdin_ended = false;
  bool aborted = false;
  [[nodiscard]] std::string at(const std::string& name) const;  // "" where there is none
};

struct Answer {
  enum class Then : std::uint8_t {
    Obey,  // keeps the connection if it was asked to
    Close,
    Reset,
    Hang,  // says nothing any more, and reads nothing
  };
  std::string bytes;           // records, END_REQUEST included
  std::size_t cut = SIZE_MAX;  // sends only so many of them
  Then then = Then::Obey;
  bool before_stdin = false;  // does not wait for the end of STDIN
  bool reads_stdin = true;
  bool ends_early = false;       // more follows END_REQUEST, when another request may have come
  std::size_t piece = SIZE_MAX;  // bytes at a time
  Millis delay{0};               // before the first
  Millis gap{0};                 // between two
};

class FakeBackend final : public SimNet::Service {
 public:
  using Script = std::function<Answer(const AppRequest&)>;

  explicit FakeBackend(Script script) : script_(std::move(script)) {}

  // Told of a request whose STDIN has ended; and of one whose answer has been sent whole.
  std::function<void(const AppRequest&)> on_stdin_end;
  std::function<void(const AppRequest&)> on_answered;

  void on_connection(std::shared_ptr<Link> link) override;
  bool step(Millis now);  // True: something was done.
  [[nodiscard]] Millis next() const;

  // A restart of the application: all connections close, whatever they do.
  void close_all();

  [[nodiscard]] std::size_t connections() const { return accepted_; }
  [[nodiscard]] std::size_t open() const { return apps_.size(); }
  [[nodiscard]] std::size_t requests() const { return requests_; }
  // Of the last connection that carries one.
  [[nodiscard]] const AppRequest* current() const;
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }

 private:
  struct App {
    std::shared_ptr<Link> link;
    WireReader reader;
    AppRequest request;
    std::string params;
    std::optional<Answer> answer;
    std::size_t sent = 0;
    Millis next{0};
    bool open_request = false;
    bool params_ended = false;
    bool hung = false;
    bool gone = false;
  };

  bool read(App& app, Millis now);
  void take(App& app, const WireRecord& record, Millis now);
  void begin(App& app, const WireRecord& record);
  void end_params(App& app, Millis now);
  void end_stdin(App& app);
  bool write(App& app, Millis now);
  void finish(App& app);
  [[nodiscard]] static bool may_write(const App& app);
  void violation(std::string what) { violations_.push_back(std::move(what)); }

  Script script_;
  std::vector<std::unique_ptr<App>> apps_;
  std::vector<std::string> violations_;
  std::size_t accepted_ = 0;
  std::size_t requests_ = 0;
};

}  // namespace millrace::testing
