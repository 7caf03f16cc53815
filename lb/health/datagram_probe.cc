#include "lb/health/datagram_probe.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "common/base/status.h"
#include "common/net/byte_order.h"
#include "common/net/checksum.h"
#include "common/net/headers.h"

namespace flyover::lb {
namespace {

using Kind = HealthConfig::Kind;

constexpr size_t kMostPackets = 64;  // read at a time
constexpr uint16_t kTypeA = 1;
constexpr uint16_t kClassIn = 1;
constexpr uint8_t kDnsResponse = 0x80;
constexpr uint8_t kDnsRecursionDesired = 0x01;
constexpr size_t kDnsHeader = 12;

std::string ErrnoText(const char* what, int error) {
  return ErrnoStatus(StatusCode::kUnavailable, what, error).message();
}

void Append16(std::string& to, uint16_t value) {
  to += static_cast<char>(value >> 8);
  to += static_cast<char>(value & 0xff);
}

std::string DnsQuery(const std::string& name, uint16_t id) {
  std::string query;
  Append16(query, id);
  query += static_cast<char>(kDnsRecursionDesired);
  query += '\0';
  Append16(query, 1);     // question
  query.append(6, '\0');  // no records
  query += DnsName(name).value_or(std::string(1, '\0'));
  Append16(query, kTypeA);
  Append16(query, kClassIn);
  return query;
}

std::string_view DnsError(unsigned code) {
  constexpr std::array<std::string_view, 6> kNames = {
      "no error", "format error", "server failure", "no such name", "not implemented", "refused"};
  return code < kNames.size() ? kNames[code] : "an error";
}

}  // namespace

std::optional<std::string> DnsName(const std::string& text) {
  std::string name;
  if (text != ".") {
    for (size_t at = 0; at < text.size();) {
      const size_t dot = std::min(text.find('.', at), text.size());
      const size_t length = dot - at;
      if (length == 0 || length > 63) return std::nullopt;
      name += static_cast<char>(length);
      name += text.substr(at, length);
      at = dot + 1;
    }
    if (name.empty()) return std::nullopt;
  }
  name += '\0';
  if (name.size() > 255) return std::nullopt;
  return name;
}

DatagramProbe::DatagramProbe(const HealthTarget& target, uint32_t nonce, Clock::time_point now)
    : target_(target), nonce_(nonce), deadline_(now + target.timeout) {
  const bool v4 = target.address.is_v4();
  const bool icmp = target.kind == Kind::kIcmp;
  int protocol = IPPROTO_UDP;
  if (icmp) protocol = v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6};
  if (!Open(v4 ? AF_INET : AF_INET6, icmp ? SOCK_RAW : SOCK_DGRAM, protocol)) return;
  const std::string request = Request();
  if (send(fd_, request.data(), request.size(), MSG_NOSIGNAL) < 0) {
    error_ = ErrnoText("send", errno);
  }
}

DatagramProbe::~DatagramProbe() {
  if (fd_ >= 0) close(fd_);
}

// Connected, so that only the target's packets come, and its port unreachable is told.
bool DatagramProbe::Open(int family, int type, int protocol) {
  fd_ = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
  if (fd_ < 0) {
    error_ = ErrnoText("socket", errno);
    return false;
  }
  if (protocol == IPPROTO_ICMPV6) {
    icmp6_filter filter;
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
    setsockopt(fd_, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter));
  }
  sockaddr_storage to{};
  socklen_t length = 0;
  const uint16_t port = type == SOCK_RAW ? uint16_t{0} : htons(target_.port);
  if (family == AF_INET) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(to);
    v4.sin_family = AF_INET;
    v4.sin_port = port;
    std::memcpy(&v4.sin_addr, target_.address.data(), 4);
    length = sizeof(v4);
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(to);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = port;
    std::memcpy(&v6.sin6_addr, target_.address.data(), 16);
    length = sizeof(v6);
  }
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&to), length) == 0) return true;
  error_ = ErrnoText("connect", errno);
  return false;
}

std::string DatagramProbe::Request() const {
  const auto id = static_cast<uint16_t>(nonce_);
  if (target_.kind == Kind::kUdp) return target_.send;
  if (target_.kind == Kind::kDns) return DnsQuery(target_.path, id);
  IcmpHeader echo{};
  echo.type = target_.address.is_v4() ? uint8_t{kIcmpEcho} : uint8_t{kIcmpv6Echo};
  echo.rest = Be32(nonce_);  // identifier and sequence number
  // The kernel computes that of ICMPv6, which has the source address in it.
  if (target_.address.is_v4()) echo.checksum = Checksum(&echo, sizeof(echo));
  return {reinterpret_cast<const char*>(&echo), sizeof(echo)};
}

std::optional<ProbeResult> DatagramProbe::Judge(Clock::time_point now) {
  if (!error_.empty()) return ProbeResult{false, error_};
  std::array<uint8_t, 4096> packet;
  for (size_t n = 0; n < kMostPackets; ++n) {
    const ssize_t length = recv(fd_, packet.data(), packet.size(), MSG_DONTWAIT);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0 && errno == EAGAIN) break;
    if (length < 0) return ProbeResult{false, ErrnoText("receive", errno)};
    if (auto result = Read(packet.data(), static_cast<size_t>(length))) return result;
  }
  if (now < deadline_) return std::nullopt;
  return ProbeResult{false, "no answer in " + std::to_string(target_.timeout.count()) + " ms"};
}

std::optional<ProbeResult> DatagramProbe::Read(const uint8_t* data, size_t length) const {
  switch (target_.kind) {
    case Kind::kDns:
      return ReadDns(data, length);
    case Kind::kIcmp:
      return ReadEcho(data, length);
    default: {
      const std::string_view answer(reinterpret_cast<const char*>(data), length);
      if (answer.find(target_.body) != std::string_view::npos) {
        return ProbeResult{true, "answered " + std::to_string(length) + " bytes"};
      }
      return ProbeResult{false, "the answer is not the expected one"};
    }
  }
}

std::optional<ProbeResult> DatagramProbe::ReadDns(const uint8_t* data, size_t length) const {
  if (length < kDnsHeader || LoadBe16(data) != static_cast<uint16_t>(nonce_)) return std::nullopt;
  if ((data[2] & kDnsResponse) == 0) return std::nullopt;
  const unsigned code = data[3] & 0x0f;
  return ProbeResult{code == 0, "DNS: " + std::string(DnsError(code))};
}

std::optional<ProbeResult> DatagramProbe::ReadEcho(const uint8_t* data, size_t length) const {
  if (target_.address.is_v4()) {  // raw IPv4 sockets give the IP header, too
    const size_t header = length == 0 ? 0 : (data[0] & 0x0fu) * 4;
    if (header < sizeof(Ipv4Header) || length < header) return std::nullopt;
    data += header;
    length -= header;
  }
  IcmpHeader echo;
  if (length < sizeof(echo)) return std::nullopt;
  std::memcpy(&echo, data, sizeof(echo));
  const uint8_t reply =
      target_.address.is_v4() ? uint8_t{kIcmpEchoReply} : uint8_t{kIcmpv6EchoReply};
  if (echo.type != reply || echo.rest.host() != nonce_) return std::nullopt;
  return ProbeResult{true, "echo reply"};
}

}  // namespace flyover::lb
