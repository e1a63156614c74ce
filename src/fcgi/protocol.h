// The numbers of FastCGI 1.0 (section 8) and the eight bytes that open every record (3.3):
//
//     version | type | id (2) | content length (2) | padding length | reserved
//
// Numbers of two bytes are big-endian. Content and padding follow. A record of 65535 bytes of
// content and 255 of padding is legal, so lengths are added as std::size_t, never in 16 bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace::fcgi {

inline constexpr std::uint8_t kVersion = 1;
inline constexpr std::size_t kHeaderBytes = 8;
inline constexpr std::size_t kContentMax = 65535;
// The most that one STDIN record is given: a multiple of 8 (3.3 asks for alignment), so that it
// needs no padding.
inline constexpr std::size_t kStdinMax = 65528;
inline constexpr std::size_t kEndRequestBytes = 8;
inline constexpr std::uint16_t kManagementId = 0;  // FCGI_NULL_REQUEST_ID (3.3)

enum class RecordType : std::uint8_t {
  BeginRequest = 1,      // 5.1
  AbortRequest = 2,      // 5.4
  EndRequest = 3,        // 5.5
  Params = 4,            // 5.2
  Stdin = 5,             // 5.3
  Stdout = 6,            // 5.3
  Stderr = 7,            // 5.3
  Data = 8,              // 5.3
  GetValues = 9,         // 4.1
  GetValuesResult = 10,  // 4.1
  UnknownType = 11,      // 4.2
};

// 5.1. What the application is asked to be; chapter 6.
enum class Role : std::uint16_t { Responder = 1, Authorizer = 2, Filter = 3 };

// A flag of BEGIN_REQUEST (5.1): the application leaves the connection open.
inline constexpr std::uint8_t kKeepConn = 1;

// 5.5. A peer may send other numbers.
enum class ProtocolStatus : std::uint8_t {
  RequestComplete = 0,
  CantMpxConn = 1,
  Overloaded = 2,
  UnknownRole = 3,
};

// The variables of GET_VALUES (4.1).
inline constexpr std::string_view kMaxConns = "FCGI_MAX_CONNS";
inline constexpr std::string_view kMaxReqs = "FCGI_MAX_REQS";
inline constexpr std::string_view kMpxsConns = "FCGI_MPXS_CONNS";

struct Header {
  std::uint8_t version = kVersion;
  RecordType type = RecordType::UnknownType;
  std::uint16_t id = kManagementId;
  std::uint16_t content_length = 0;
  std::uint8_t padding_length = 0;
};

// The body of an END_REQUEST record (5.5).
struct EndRequest {
  std::uint32_t app_status = 0;
  ProtocolStatus protocol_status = ProtocolStatus::RequestComplete;
};

[[nodiscard]] constexpr std::uint8_t byte_at(std::string_view bytes, std::size_t index) {
  return static_cast<std::uint8_t>(bytes[index]);
}

[[nodiscard]] constexpr std::uint16_t get_u16(std::string_view bytes, std::size_t index) {
  return static_cast<std::uint16_t>(byte_at(bytes, index) << 8 | byte_at(bytes, index + 1));
}

[[nodiscard]] constexpr std::uint32_t get_u32(std::string_view bytes, std::size_t index) {
  return std::uint32_t{get_u16(bytes, index)} << 16 | get_u16(bytes, index + 2);
}

constexpr void put_u16(char* out, std::uint16_t number) {
  out[0] = static_cast<char>(number >> 8);
  out[1] = static_cast<char>(number & 0xff);
}

// `bytes` holds kHeaderBytes or more.
[[nodiscard]] constexpr Header decode_header(std::string_view bytes) {
  return {.version = byte_at(bytes, 0),
          .type = static_cast<RecordType>(byte_at(bytes, 1)),
          .id = get_u16(bytes, 2),
          .content_length = get_u16(bytes, 4),
          .padding_length = byte_at(bytes, 6)};
}

// Writes kHeaderBytes; the reserved byte is zero.
constexpr void encode_header(char* out, const Header& header) {
  out[0] = static_cast<char>(header.version);
  out[1] = static_cast<char>(header.type);
  put_u16(out + 2, header.id);
  put_u16(out + 4, header.content_length);
  out[6] = static_cast<char>(header.padding_length);
  out[7] = 0;
}

}  // namespace millrace::fcgi
