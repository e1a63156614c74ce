#include "http/head_rules.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <string_view>

#include "base/ascii.h"
#include "http/host.h"
#include "http/path.h"

namespace millrace::http {
namespace {

using base::equal_ignoring_case;

constexpr int kBadRequest = 400;
// Every field's name is compared with every element of Connection (HopByHop), so that the work is
// the product of both; nobody has use for more.
constexpr std::size_t kConnectionElementsMax = 64;
constexpr std::size_t kConnectionBytesMax = 2048;

// What the fields say that the rules are about.
struct Facts {
  const Field* host = nullptr;
  bool two_hosts = false;
  bool close = false;
  bool keep_alive = false;
  bool transfer_coded = false;
  bool unknown_coding = false;
  bool expects_continue = false;
  bool unknown_expectation = false;
  std::size_t connection_elements = 0;  // Empty ones too.
  std::size_t connection_bytes = 0;
};

void note_connection(std::string_view value, Facts& facts) {
  facts.connection_elements += 1 + static_cast<std::size_t>(std::ranges::count(value, ','));
  facts.connection_bytes += value.size();
  base::for_each_element(value, [&facts](std::string_view element) {
    facts.close = facts.close || equal_ignoring_case(element, "close");
    facts.keep_alive = facts.keep_alive || equal_ignoring_case(element, "keep-alive");
  });
}

void note_transfer_encoding(std::string_view value, Facts& facts) {
  facts.transfer_coded = true;
  base::for_each_element(value, [&facts](std::string_view element) {
    facts.unknown_coding = facts.unknown_coding || !equal_ignoring_case(element, "chunked");
  });
}

void note_expect(std::string_view value, Facts& facts) {
  base::for_each_element(value, [&facts](std::string_view element) {
    const bool known = equal_ignoring_case(element, "100-continue");
    (known ? facts.expects_continue : facts.unknown_expectation) = true;
  });
}

void note_host(const Field& field, Facts& facts) {
  facts.two_hosts = facts.two_hosts || facts.host != nullptr;
  facts.host = &field;
}

// Names are told apart by their length first, so most fields cost four comparisons of numbers.
Facts facts_of(std::span<const Field> fields) {
  Facts facts;
  for (const Field& field : fields) {
    if (equal_ignoring_case(field.name, "host")) {
      note_host(field, facts);
    } else if (equal_ignoring_case(field.name, "expect")) {
      note_expect(field.value, facts);
    } else if (equal_ignoring_case(field.name, "connection")) {
      note_connection(field.value, facts);
    } else if (equal_ignoring_case(field.name, "transfer-encoding")) {
      note_transfer_encoding(field.value, facts);
    }
  }
  return facts;
}

Refusal check_connection(const Facts& facts) {
  if (facts.connection_elements <= kConnectionElementsMax &&
      facts.connection_bytes <= kConnectionBytesMax) {
    return {};
  }
  return {kBadRequest, "huge Connection"};
}

// RFC 9112 6.3. llhttp has refused both lengths at once, two of one, and a coding after chunked.
Refusal check_framing(const RequestHead& head, const Facts& facts) {
  constexpr std::uint64_t kLengthMax = std::numeric_limits<std::int64_t>::max();
  if (facts.transfer_coded) {
    if (head.minor_version == 0) return {kBadRequest, "Transfer-Encoding in HTTP/1.0"};
    if (facts.unknown_coding) return {501, "unknown transfer coding"};
    if (!head.chunked) return {kBadRequest, "empty Transfer-Encoding"};
  }
  if (head.content_length.value_or(0) > kLengthMax) return {kBadRequest, "huge Content-Length"};
  return {};
}

// "http://" or "https://", in any case; 0 if it is neither.
std::size_t scheme_bytes(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (equal_ignoring_case(target.substr(0, scheme.size()), scheme)) return scheme.size();
  }
  return 0;
}

// Splits the target (RFC 9112 3.2); takes the authority of an absolute one as the host.
Refusal split_target(RequestHead& head) {
  std::string_view rest = head.target;
  bool absolute = false;
  if (rest.front() != '/' && rest != "*") {
    const std::size_t scheme = scheme_bytes(rest);
    if (scheme == 0) return {kBadRequest, "target is neither a path nor an http URI"};
    rest.remove_prefix(scheme);
    const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
    head.host = rest.substr(0, end);
    if (head.host.empty()) return {kBadRequest, "target without a host"};
    rest.remove_prefix(end);
    absolute = true;
  }
  // RFC 9112 3.2.4: an absolute target without a path means the same.
  head.asterisk = rest == "*" || (absolute && rest.empty() && head.method == Method::Options);
  if (head.asterisk && head.method != Method::Options) {
    return {kBadRequest, "* with a method other than OPTIONS"};
  }
  const std::size_t mark = rest.find('?');
  head.has_query = mark != std::string_view::npos;
  if (head.has_query) head.query = rest.substr(mark + 1);
  head.raw_path = rest.substr(0, mark);
  if (head.raw_path.empty()) head.raw_path = "/";
  return {};
}

// RFC 9112 3.2: one valid Host, in HTTP/1.1 always; the host of an absolute target wins over it.
Refusal check_host(RequestHead& head, const Facts& facts, std::string& scratch) {
  if (facts.two_hosts) return {kBadRequest, "two Host fields"};
  if (facts.host == nullptr && head.minor_version > 0) return {kBadRequest, "no Host"};
  const bool absolute = !head.host.empty();
  if (facts.host != nullptr) {
    const auto name = normalize_host(facts.host->value, scratch);
    const bool may_be_empty = absolute || head.minor_version == 0;
    if (!name && !(may_be_empty && facts.host->value.empty())) return {kBadRequest, "bad Host"};
    if (!absolute) {
      head.host = facts.host->value;
      head.host_name = name.value_or(std::string_view());
    }
  }
  if (absolute) {
    const auto name = normalize_host(head.host, scratch);
    if (!name) return {kBadRequest, "bad host in the target"};
    head.host_name = *name;
  }
  return {};
}

Refusal check_path(RequestHead& head, std::string& scratch) {
  if (head.asterisk) return {};
  const auto path = normalize_path(head.raw_path, scratch);
  if (!path) return {kBadRequest, "bad path"};
  head.path = *path;
  return {};
}

std::string_view fault_of(Method method) {
  if (method == Method::Unknown) return "unknown method";
  if (method == Method::Trace) return "TRACE";
  return method == Method::Connect ? "CONNECT" : std::string_view();
}

}  // namespace

Refusal complete_head(RequestHead& head, HeadScratch& scratch) {
  const Facts facts = facts_of(head.fields);
  head.keep_alive = !facts.close && (head.minor_version > 0 || facts.keep_alive);
  // RFC 9110 10.1.1: an HTTP/1.0 client does not wait.
  head.expect_continue = facts.expects_continue && head.has_body() && head.minor_version > 0;

  // Targets have forms of their own for methods that we do not serve (RFC 9112 3.2.3).
  const std::string_view method_fault = fault_of(head.method);
  Refusal refusal = check_framing(head, facts);
  if (refusal.status == 0) refusal = check_connection(facts);
  if (refusal.status == 0 && method_fault.empty()) refusal = split_target(head);
  if (refusal.status == 0) refusal = check_host(head, facts, scratch.host);
  if (refusal.status == 0 && method_fault.empty()) refusal = check_path(head, scratch.path);
  if (refusal.status != 0) return refusal;

  const bool can_go_on = head.keep_alive && !head.has_body();
  if (!method_fault.empty()) return {405, method_fault, can_go_on};
  if (facts.unknown_expectation) return {417, "unknown expectation", can_go_on};
  return {};
}

}  // namespace millrace::http
