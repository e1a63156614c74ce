#include <doctest/doctest.h>

#include <string>

#include "http/writer.h"

namespace millrace::http {
namespace {

TEST_CASE("prefers_json: JSON is named, and HTML is not liked more") {
  for (const char* accept :
       {"application/json", "Application/JSON; charset=utf-8", "application/json, text/plain, */*",
        "application/problem+json", "application/*", "text/html;q=0.5, application/json;q=0.6",
        "text/html;q=0, application/json;q=0.001", "application/json, text/html",
        "text/html;q=0.9,application/json;version=1;q=1.000",
        "text/html;q=x,application/json;q=0.1", "text/html;q=0.12345,application/json;q=0.1",
        "text/html;q=2,application/json;q=0.1", "text/html;q=,application/json;q=0.1",
        "text/html;q=0x,application/json;q=0.1", "text/html;q=0.x,application/json;q=0.1",
        "text/html;q=1.5,application/json;q=1"}) {
    CAPTURE(accept);
    CHECK(prefers_json(accept));
  }
  for (const char* accept :
       {"", "*/*", "text/html", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "application/json;q=0", "application/json;q=0.5, text/html",
        "text/*, application/json;q=0.9", "application/xhtml+xml, application/json;q=0.9",
        "application/jsonx", "application/+json", "text/json", "json",
        "application/json;Q=0.0, */*", "application/json;q=0.5;a=b,text/html;a=b;q=0.6"}) {
    CAPTURE(accept);
    CHECK_FALSE(prefers_json(accept));
  }
}

TEST_CASE("error_body: a page with the status, its phrase and the request") {
  std::string body = "left over";
  error_body(502, false, "4f-1", body);
  CHECK(body ==
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>502 Bad Gateway"
        "</title></head>\n<body><h1>502 Bad Gateway</h1><p>Request 4f-1</p></body></html>\n");
  error_body(599, false, "", body);
  CHECK(body.find("<h1>599 Error</h1></body>") != std::string::npos);
}

TEST_CASE("error_body: an object where JSON is wanted") {
  std::string body;
  error_body(404, true, "", body);
  CHECK(body == "{\"status\":404,\"error\":\"Not Found\"}\n");
  error_body(503, true, "id.1", body);
  CHECK(body == "{\"status\":503,\"error\":\"Service Unavailable\",\"request_id\":\"id.1\"}\n");
}

TEST_CASE("error_body: a request id cannot leave its place") {
  std::string body;
  error_body(400, false, "<script>&\"'\n", body);
  CHECK(body.find("<p>Request _script_____</p>") != std::string::npos);
  error_body(400, true, "\"\\\x01", body);
  CHECK(body.find("\"request_id\":\"___\"") != std::string::npos);
}

}  // namespace
}  // namespace millrace::http
