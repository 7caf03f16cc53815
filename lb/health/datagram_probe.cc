#include "lb/health/datagram_probe.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "common/base/status.h"
#include "common/net/byte_order.h"
#include "common/net/checksum.h"
#include "common/net/headers.h"
#include "lb/client_path/socket_address.h"

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

SocketKind DatagramProbe::SocketOf(const HealthTarget& target) {
  if (target.kind != Kind::kIcmp) return {SOCK_DGRAM, IPPROTO_UDP};
  return {SOCK_RAW, target.Peer().is_v4() ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6}};
}

DatagramProbe::DatagramProbe(const HealthTarget& target, uint32_t nonce, Clock::time_point now,
                             UniqueFd socket)
    : target_(target), nonce_(nonce), deadline_(now + target.timeout), fd_(std::move(socket)) {
  if (!Connect()) return;
  const std::string request = Request();
  if (send(fd_.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) {
    error_ = ErrnoText("send", errno);
  }
}

// Connected, so that only the target's packets come, and its port unreachable is told.
bool DatagramProbe::Connect() {
  const auto [type, protocol] = SocketOf(target_);
  const int family = target_.Peer().is_v4() ? AF_INET : AF_INET6;
  if (!fd_.valid()) fd_.Reset(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
  if (!fd_.valid()) {
    error_ = ErrnoText("socket", errno);
    return false;
  }
  if (protocol == IPPROTO_ICMPV6) {
    icmp6_filter filter;
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
    setsockopt(fd_.get(), IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter));
  }
  const SocketAddress to(target_.Peer(), type == SOCK_RAW ? uint16_t{0} : target_.port);
  if (connect(fd_.get(), to.get(), to.length()) == 0) return true;
  error_ = ErrnoText("connect", errno);
  return false;
}

std::string DatagramProbe::Request() const {
  const auto id = static_cast<uint16_t>(nonce_);
  if (target_.kind == Kind::kUdp) return target_.send;
  if (target_.kind == Kind::kDns) return DnsQuery(target_.path, id);
  IcmpHeader echo{};
  echo.type = target_.Peer().is_v4() ? uint8_t{kIcmpEcho} : uint8_t{kIcmpv6Echo};
  echo.rest = Be32(nonce_);  // identifier and sequence number
  // The kernel computes that of ICMPv6, which has the source address in it.
  if (target_.Peer().is_v4()) echo.checksum = Checksum(&echo, sizeof(echo));
  return {reinterpret_cast<const char*>(&echo), sizeof(echo)};
}

std::optional<ProbeResult> DatagramProbe::Judge(Clock::time_point now) {
  if (!error_.empty()) return ProbeResult{false, error_};
  std::array<uint8_t, 4096> packet;
  for (size_t n = 0; n < kMostPackets; ++n) {
    const ssize_t length = recv(fd_.get(), packet.data(), packet.size(), MSG_DONTWAIT);
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
  if (target_.Peer().is_v4()) {  // raw IPv4 sockets give the IP header, too
    const size_t header = length == 0 ? 0 : (data[0] & 0x0fu) * 4;
    if (header < sizeof(Ipv4Header) || length < header) return std::nullopt;
    data += header;
    length -= header;
  }
  IcmpHeader echo;
  if (length < sizeof(echo)) return std::nullopt;
  std::memcpy(&echo, data, sizeof(echo));
  const uint8_t reply =
      target_.Peer().is_v4() ? uint8_t{kIcmpEchoReply} : uint8_t{kIcmpv6EchoReply};
  if (echo.type != reply || echo.rest.host() != nonce_) return std::nullopt;
  return ProbeResult{true, "echo reply"};
}

}  // namespace flyover::lb
