#include "lb/doctor/attempt.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "common/net/byte_order.h"
#include "common/net/headers.h"
#include "lb/client_path/encapsulate.h"
#include "lb/client_path/socket_address.h"
#include "lb/health/datagram_probe.h"

namespace flyover::lb {
namespace {

using Clock = std::chrono::steady_clock;
using Kind = AttemptResult::Kind;

Status Failed(const char* what) { return ErrnoStatus(StatusCode::kUnavailable, what, errno); }

std::chrono::milliseconds Since(Clock::time_point begun) {
  return std::chrono::ceil<std::chrono::milliseconds>(Clock::now() - begun);
}

// What an ICMP error says to packets of `protocol` towards `backend`; nothing: it is about
// something else. `packet`: from a raw socket, so IPv4 with its header and IPv6 without.
std::optional<std::string> ErrorAbout(std::span<const uint8_t> packet, const IpAddress& backend,
                                      uint8_t protocol) {
  size_t at = 0;
  if (backend.is_v4()) {
    if (packet.size() < sizeof(Ipv4Header)) return std::nullopt;
    at = (packet[0] & 0x0fu) * size_t{4};
  }
  const size_t quoted = at + sizeof(IcmpHeader);
  const size_t header = backend.is_v4() ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
  if (packet.size() < quoted + header) return std::nullopt;
  const size_t dst = backend.is_v4() ? offsetof(Ipv4Header, dst) : offsetof(Ipv6Header, dst);
  const size_t next =
      backend.is_v4() ? offsetof(Ipv4Header, protocol) : offsetof(Ipv6Header, next_header);
  if (packet[quoted + next] != protocol) return std::nullopt;
  if (std::memcmp(&packet[quoted + dst], backend.data(), backend.bits() / 8) != 0) {
    return std::nullopt;
  }
  const unsigned type = packet[at];
  const unsigned code = packet[at + 1];
  if (backend.is_v4()) {
    if (type != kIcmpUnreachable) return std::nullopt;
    if (code == 2) return "protocol unreachable";
    if (code == 3) return "port unreachable";
    if (code == kIcmpHostUnreachable) return "host unreachable";
    return "unreachable, code " + std::to_string(code);
  }
  if (type == ICMP6_PARAM_PROB && code == ICMP6_PARAMPROB_NEXTHEADER) {
    return "unknown next header";
  }
  if (type != ICMP6_DST_UNREACH) return std::nullopt;
  if (code == ICMP6_DST_UNREACH_NOPORT) return "port unreachable";
  if (code == ICMP6_DST_UNREACH_ADDR) return "address unreachable";
  return "unreachable, code " + std::to_string(code);
}

std::optional<std::string> ReadErrors(int fd, const IpAddress& backend,
                                      std::optional<uint8_t> protocol) {
  std::array<uint8_t, 2048> packet;
  std::optional<std::string> found;
  constexpr unsigned kMost = 256;
  for (unsigned n = 0; n < kMost; ++n) {
    const ssize_t length = recv(fd, packet.data(), packet.size(), MSG_DONTWAIT);
    if (length <= 0) break;
    if (!protocol) continue;  // the kernel tells the socket
    const auto error = std::span(packet).first(static_cast<size_t>(length));
    if (auto text = ErrorAbout(error, backend, *protocol)) found = std::move(text);
  }
  return found;
}

}  // namespace

Result<Attempts> Attempts::Open(std::chrono::milliseconds timeout) {
  Result<std::unique_ptr<ClientPath>> path = ClientPath::Open();
  if (!path.ok()) return path.status();
  Attempts made(std::move(*path), timeout);
  made.errors4_.Reset(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
  made.errors6_.Reset(socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6));
  if (!made.errors4_.valid() || !made.errors6_.valid()) return Failed("raw socket");
  return made;
}

std::optional<std::string> Attempts::Turn(int socket, short events, const IpAddress& backend,
                                          std::optional<uint8_t> protocol,
                                          std::chrono::milliseconds wait) {
  const int errors = backend.is_v4() ? errors4_.get() : errors6_.get();
  const std::array<int, 3> path = path_->fds();
  std::array<pollfd, 5> fds{{{socket, events, 0},
                             {errors, POLLIN, 0},
                             {path[0], POLLIN, 0},
                             {path[1], POLLIN, 0},
                             {path[2], POLLIN, 0}}};
  poll(fds.data(), fds.size(), static_cast<int>(std::max<int64_t>(wait.count(), 0)));
  path_->Carry();
  return ReadErrors(errors, backend, protocol);
}

void Attempts::ForgetErrors() {
  for (const UniqueFd* fd : {&errors4_, &errors6_}) (void)ReadErrors(fd->get(), {}, std::nullopt);
}

AttemptResult Attempts::Await(int socket, const IpAddress& to, uint16_t port,
                              const IpAddress& backend, const ClientWay* way,
                              const ClientPath::Flow* flow) {
  const auto begun = Clock::now();
  const std::optional<uint8_t> protocol = way == nullptr ? std::nullopt : OuterProtocol(*way);
  ForgetErrors();
  const SocketAddress peer(to, port);
  if (connect(socket, peer.get(), peer.length()) != 0 && errno != EINPROGRESS) {
    return {errno == ECONNREFUSED ? Kind::kRefused : Kind::kNotSent, Failed("connect").message(),
            Since(begun), 0};
  }
  for (;;) {
    const auto left = timeout_ - Since(begun);
    const auto unreachable = Turn(socket, POLLOUT, backend, protocol, left);
    int error = 0;
    socklen_t length = sizeof(error);
    getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error == ECONNREFUSED) return {Kind::kRefused, "", Since(begun), 0};
    if (unreachable || error != 0) {
      const std::string text =
          unreachable.value_or(ErrnoStatus(StatusCode::kUnavailable, "connect", error).message());
      return {Kind::kUnreachable, text, Since(begun), 0};
    }
    sockaddr_storage there{};
    length = sizeof(there);
    if (getpeername(socket, reinterpret_cast<sockaddr*>(&there), &length) == 0) {
      return {Kind::kAnswered, "", Since(begun), flow == nullptr ? uint16_t{0} : flow->peer_mss()};
    }
    if (flow != nullptr && !flow->error().empty()) {
      return {Kind::kNotSent, flow->error(), Since(begun), 0};
    }
    if (left.count() <= 0) return {Kind::kSilent, "", Since(begun), 0};
  }
}

AttemptResult Attempts::Connect(const IpAddress& address, uint16_t port) {
  const UniqueFd fd(
      socket(address.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return {Kind::kNotSent, Failed("socket").message(), {}, 0};
  return Await(fd.get(), address, port, address, nullptr, nullptr);
}

AttemptResult Attempts::ConnectAsClient(const ClientWay& way, const IpAddress& backend,
                                        uint16_t port) {
  auto flow = path_->Begin(way, backend, SOCK_STREAM, IPPROTO_TCP);
  if (!flow.ok()) return {Kind::kNotSent, flow.status().message(), {}, 0};
  const UniqueFd fd((*flow)->TakeSocket());
  return Await(fd.get(), way.vip, port, backend, &way, flow->get());
}

AttemptResult Attempts::PingAsClient(const ClientWay& way, const IpAddress& backend) {
  return Echo(&way, backend);
}

AttemptResult Attempts::Ping(const IpAddress& address) { return Echo(nullptr, address); }

AttemptResult Attempts::Echo(const ClientWay* way, const IpAddress& backend) {
  const auto begun = Clock::now();
  const std::optional<uint8_t> protocol = way == nullptr ? std::nullopt : OuterProtocol(*way);
  ForgetErrors();
  HealthTarget target;
  target.address = backend;
  target.kind = HealthConfig::Kind::kIcmp;
  target.timeout = timeout_;
  uint32_t nonce = 0x464c0001;
  UniqueFd socket;
  std::unique_ptr<ClientPath::Flow> flow;
  if (way != nullptr) {
    target.way = *way;
    const SocketKind kind = DatagramProbe::SocketOf(target);
    auto begin = path_->Begin(*way, backend, kind.type, kind.protocol);
    if (!begin.ok()) return {Kind::kNotSent, begin.status().message(), {}, 0};
    flow = std::move(*begin);
    socket.Reset(flow->TakeSocket());
    nonce = uint32_t{flow->port()} << 16 | 1;
  }
  DatagramProbe probe(target, nonce, begun, std::move(socket));
  for (;;) {
    const auto unreachable = Turn(probe.fd(), POLLIN, backend, protocol, timeout_ - Since(begun));
    const auto result = probe.Judge(Clock::now());
    if (result && result->good) return {Kind::kAnswered, "", Since(begun), 0};
    if (unreachable) return {Kind::kUnreachable, *unreachable, Since(begun), 0};
    if (flow != nullptr && !flow->error().empty()) {
      return {Kind::kNotSent, flow->error(), Since(begun), 0};
    }
    if (result) return {Kind::kSilent, "", Since(begun), 0};
  }
}

}  // namespace flyover::lb
