#include "support/fake_backend.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace millrace::testing {

std::string AppRequest::at(const std::string& name) const {
  const auto found = env.find(name);
  return found == env.end() ? std::string() : found->second;
}

void FakeBackend::on_connection(std::shared_ptr<Link> link) {
  ++accepted_;
  apps_.push_back(std::make_unique<App>());
  apps_.back()->link = std::move(link);
}

bool FakeBackend::step(Millis now) {
  bool done = false;
  for (const auto& app : apps_) {
    if (read(*app, now)) done = true;
    if (!app->gone && write(*app, now)) done = true;
  }
  std::erase_if(apps_, [](const auto& app) { return app->gone; });
  return done;
}

Millis FakeBackend::next() const {
  Millis at = Millis::max();
  for (const auto& app : apps_) {
    if (may_write(*app)) at = std::min(at, app->next);
  }
  return at;
}

void FakeBackend::close_all() {
  for (const auto& app : apps_)
    app->link->close();
  apps_.clear();
}

const AppRequest* FakeBackend::current() const {
  for (auto app = apps_.rbegin(); app != apps_.rend(); ++app) {
    if ((*app)->open_request) return &(*app)->request;
  }
  return nullptr;
}

bool FakeBackend::read(App& app, Millis now) {
  if (app.link->broken() || (app.link->ended() && !app.hung)) {
    app.link->close();
    app.gone = true;
    return true;
  }
  const bool reads = !app.hung && (!app.answer || app.answer->reads_stdin);
  if (!reads || !app.link->readable()) return false;
  app.reader.feed(app.link->read());
  while (!app.gone) {
    const auto record = app.reader.next();
    if (app.reader.bad()) violation("not version 1");
    if (!record) break;
    take(app, *record, now);
  }
  return true;
}

void FakeBackend::take(App& app, const WireRecord& record, Millis now) {
  if (record.type == kBegin) return begin(app, record);
  if (record.type == kGetValues) {
    app.link->write(testing::record(kGetValuesResult, 0, {}));
    return;
  }
  if (record.id != app.request.id) return violation("a record with another id");
  switch (record.type) {
    case kAbort:
      app.request.aborted = true;
      if (!app.open_request) return;
      // It gives up: END_REQUEST, unless an answer of its own is under way.
      if (!app.answer) app.answer = Answer{.bytes = end_request(record.id), .before_stdin = true};
      return;
    case kParams:
      if (app.params_ended) return violation("PARAMS after their end");
      app.params += record.content;
      if (!record.content.empty() && !decode_pairs(record.content)) violation("a pair was split");
      if (record.content.empty()) end_params(app, now);
      return;
    case kStdin:
      if (!app.params_ended) return violation("STDIN before the end of PARAMS");
      if (app.request.stdin_ended) return violation("STDIN after its end");
      app.request.stdin_bytes += record.content;
      if (record.content.empty()) end_stdin(app);
      return;
    default:
      return violation("a record of an unknown type");
  }
}

void FakeBackend::begin(App& app, const WireRecord& record) {
  if (app.open_request && app.answer && app.answer->ends_early) {
    app.link->close();
    app.gone = true;
    return;
  }
  if (app.open_request) violation("BEGIN_REQUEST while a request is open");
  if (app.request.id != 0 && !app.request.keep) violation("another request, but not KEEP_CONN");
  if (app.request.id != 0 && !app.request.stdin_ended) violation("another request amid STDIN");
  if (record.content.size() != 8 || record.id == 0) return violation("a bad BEGIN_REQUEST");
  app.request = {};
  app.request.id = record.id;
  app.request.keep = (record.content[2] & 1) != 0;
  app.params.clear();
  app.answer.reset();
  app.sent = 0;
  app.open_request = true;
  app.params_ended = false;
}

void FakeBackend::end_params(App& app, Millis now) {
  ++requests_;
  app.params_ended = true;
  auto pairs = decode_pairs(app.params);
  if (!pairs) return violation("damaged PARAMS");
  app.request.env = std::move(*pairs);
  app.answer = script_(app.request);
  app.next = now + app.answer->delay;
}

void FakeBackend::end_stdin(App& app) {
  app.request.stdin_ended = true;
  const std::string length = app.request.at("CONTENT_LENGTH");
  std::size_t expected = 0;
  std::from_chars(length.data(), length.data() + length.size(), expected);
  if (!length.empty() && app.request.stdin_bytes.size() != expected) {
    violation("STDIN is not as long as CONTENT_LENGTH");
  }
  if (on_stdin_end) on_stdin_end(app.request);
}

bool FakeBackend::may_write(const App& app) {
  if (app.hung || app.gone || !app.open_request || !app.answer) return false;
  return app.request.stdin_ended || app.answer->before_stdin || app.request.aborted;
}

bool FakeBackend::write(App& app, Millis now) {
  if (!may_write(app) || now < app.next) return false;
  const Answer& answer = *app.answer;
  const std::size_t end = std::min(answer.cut, answer.bytes.size());
  const std::size_t most = std::min(answer.piece, end - app.sent);
  const std::size_t bytes = app.link->write(std::string_view(answer.bytes).substr(app.sent, most));
  app.sent += bytes;
  app.next = now + answer.gap;
  if (app.sent < end) return bytes > 0;
  if (end == answer.bytes.size() && on_answered) on_answered(app.request);
  finish(app);
  return true;
}

void FakeBackend::finish(App& app) {
  const Answer answer = *std::exchange(app.answer, std::nullopt);
  app.open_request = false;
  switch (answer.then) {
    case Answer::Then::Obey:
      if (app.request.keep) return;
      app.link->close();
      app.gone = true;
      return;
    case Answer::Then::Close:
      app.link->close();
      app.gone = true;
      return;
    case Answer::Then::Reset:
      app.link->reset();
      app.gone = true;
      return;
    case Answer::Then::Hang:
      app.hung = true;
      return;
  }
}

}  // namespace millrace::testing
