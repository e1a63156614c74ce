// The command line.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "config/describe.h"
#include "config/load.h"
#include "server/demo.h"
#include "server/process.h"
#include "server/supervisor.h"

namespace {

using namespace millrace;

constexpr int kUsageError = 2;

void announce_ready(const server::Sockets& /*sockets*/) {
  fmt::print(stderr, "millrace: ready\n");
  server::notify_systemd("READY=1");
}

// The file's configuration, or nothing after all its faults were printed.
std::optional<config::Config> load(const std::string& file) {
  config::Loaded loaded = config::load_file(file);
  if (loaded.faults.empty()) return std::move(loaded.config);
  for (const config::Fault& fault : loaded.faults) {
    fmt::print(stderr, "{}\n", config::render(fault, file, loaded.source));
  }
  return std::nullopt;
}

int run(const std::string& file) {
  auto config = load(file);
  if (!config) return kUsageError;
  return server::serve(std::move(*config), announce_ready);
}

int check(const std::string& file) {
  const auto config = load(file);
  if (!config) return kUsageError;
  fmt::print("{}: ok\n{}", file, config::routes_text(*config));
  return 0;
}

int run_command_line(int argc, char** argv) {
  CLI::App app{"millrace: an edge proxy for FastCGI applications, on io_uring", "millrace"};
  app.set_version_flag("--version", "millrace " MILLRACE_VERSION);
  app.require_subcommand(1);
  std::string file = "/etc/millrace/millrace.toml";
  server::DemoOptions demo_options;
  std::vector<std::string> applications;

  CLI::App* run_command = app.add_subcommand("run", "serve, in the foreground");
  CLI::App* check_command =
      app.add_subcommand("check", "check a configuration and show its routes");
  for (CLI::App* command : {run_command, check_command}) {
    command->add_option("-c,--config", file, "the configuration")->capture_default_str();
  }
  CLI::App* demo_command = app.add_subcommand(
      "demo", "serve a built-in FastCGI application, balanced over two instances");
  CLI::Option* once = demo_command->add_flag("--once", demo_options.once,
                                             "make one request, check its answer, and exit");
  CLI::Option* port =
      demo_command->add_option("--port", demo_options.port, "where to listen; 0: any free port");
  demo_command
      ->add_option("--application", applications,
                   "serve the application alone, at HOST:PORT or unix:PATH; may be repeated")
      ->excludes(once)
      ->excludes(port);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);
    return status == 0 ? 0 : kUsageError;
  }
  if (run_command->parsed()) return run(file);
  if (check_command->parsed()) return check(file);
  if (!applications.empty()) return server::serve_application(applications);
  return server::demo(demo_options);
}

}  // namespace

// What is thrown at all comes from libraries, before or after there are workers.
int main(int argc, char** argv) {
  try {
    return run_command_line(argc, argv);
  } catch (const std::exception& error) {
    std::fputs("millrace: ", stderr);
    std::fputs(error.what(), stderr);
    std::fputs("\n", stderr);
    return 1;
  }
}
