#include "lb/client_path/uplink.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "common/net/headers.h"
#include "lb/client_path/socket_address.h"

namespace flyover::lb {
namespace {

constexpr std::chrono::seconds kNeighborLife{5};
constexpr std::chrono::milliseconds kDraining{500};
constexpr uint16_t kLastPort = Uplink::kFirstPort + Uplink::kPorts - 1;

Status Failed(const char* what) { return ErrnoStatus(StatusCode::kUnavailable, what, errno); }

using Filter = std::vector<sock_filter>;

// Classic BPF (Linux: Documentation/networking/filter.rst) over packets without a link header.
sock_filter Load(uint16_t size_and_mode, uint32_t at) {
  return {static_cast<uint16_t>(BPF_LD | size_and_mode), 0, 0, at};
}
sock_filter Jump(uint16_t how, uint32_t value, uint8_t if_true, uint8_t if_false) {
  return {static_cast<uint16_t>(BPF_JMP | how | BPF_K), if_true, if_false, value};
}
sock_filter Return(uint32_t bytes) { return {BPF_RET | BPF_K, 0, 0, bytes}; }
constexpr uint32_t kWhole = 0x40000;

// Behind the transport header's start (in X): `port` of TCP and UDP, or an echo reply's identifier.
Filter ForPorts(uint8_t protocol_at, uint8_t icmp, uint8_t echo_reply, const sock_filter& set_x) {
  return {
      set_x,
      Load(BPF_B | BPF_ABS, protocol_at),
      Jump(BPF_JEQ, kProtoTcp, 6, 0),
      Jump(BPF_JEQ, kProtoUdp, 5, 0),
      Jump(BPF_JEQ, icmp, 0, 8),
      Load(BPF_B | BPF_IND, 0),
      Jump(BPF_JEQ, echo_reply, 0, 6),
      Load(BPF_H | BPF_IND, 4),  // identifier
      Jump(BPF_JA, 1, 0, 0),
      Load(BPF_H | BPF_IND, 2),  // destination port
      Jump(BPF_JGE, Uplink::kFirstPort, 0, 2),
      Jump(BPF_JGT, kLastPort, 1, 0),
      Return(kWhole),
      Return(0),
  };
}

Filter ForIpv4() {
  // X = header length; fragments but the first have no ports, and probes get none.
  return ForPorts(offsetof(Ipv4Header, protocol), kProtoIcmp, kIcmpEchoReply,
                  {BPF_LDX | BPF_B | BPF_MSH, 0, 0, 0});
}
Filter ForIpv6() {
  return ForPorts(offsetof(Ipv6Header, next_header), kProtoIcmpv6, kIcmpv6EchoReply,
                  {BPF_LDX | BPF_IMM, 0, 0, sizeof(Ipv6Header)});
}

bool Attach(int fd, Filter filter) {
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0;
}

Result<UniqueFd> OpenCapture(uint16_t ether_type, Filter filter) {
  // Protocol 0 until the filter is there: nothing comes unfiltered.
  UniqueFd fd(socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return Failed("packet socket");
  if (!Attach(fd.get(), std::move(filter))) return Failed("filter of the packet socket");
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_protocol = htons(ether_type);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) {
    return Failed("bind the packet socket");
  }
  return fd;
}

// An address that this machine's interface has for itself: no VIP, which stands alone.
bool IsOwn(const ifaddrs& entry, IpFamily family) {
  const auto address = AddressIn(entry.ifa_addr);
  const auto mask = AddressIn(entry.ifa_netmask);
  if (!address || address->family() != family) return false;
  if (address->is_v6() && address->v6().IsLinkLocal()) return false;
  return mask && mask->data()[mask->bits() / 8 - 1] != 0xff;
}

// The address that the kernel would send from to `to`.
Result<IpAddress> LocalAddressTo(const IpAddress& to) {
  const UniqueFd fd(socket(to.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  constexpr uint16_t kAnyPort = 9;  // nothing is sent
  const SocketAddress peer(to, kAnyPort);
  if (!fd.valid() || connect(fd.get(), peer.get(), peer.length()) != 0) return Failed("route");
  sockaddr_storage own{};
  socklen_t length = sizeof(own);
  if (getsockname(fd.get(), reinterpret_cast<sockaddr*>(&own), &length) != 0) {
    return Failed("route");
  }
  const auto address = AddressIn(reinterpret_cast<const sockaddr*>(&own));
  if (!address) return Status(StatusCode::kNotFound, "no route");
  return *address;
}

struct Interfaces {
  Interfaces() {
    if (getifaddrs(&first) != 0) first = nullptr;
  }
  ~Interfaces() { freeifaddrs(first); }
  Interfaces(const Interfaces&) = delete;
  Interfaces& operator=(const Interfaces&) = delete;

  // The name of the interface that has the address.
  std::string Of(const IpAddress& address) const {
    for (const ifaddrs* i = first; i != nullptr; i = i->ifa_next) {
      if (AddressIn(i->ifa_addr) == address) return i->ifa_name;
    }
    return {};
  }

  ifaddrs* first = nullptr;
};

}  // namespace

Result<Uplink> Uplink::Open() {
  Result<netlink::Socket> netlink = netlink::Socket::Open({});
  if (!netlink.ok()) return netlink.status();
  Uplink made(std::move(*netlink));
  made.raw_[0] = UniqueFd(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  made.raw_[1] = UniqueFd(socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  made.frames_ = UniqueFd(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!made.raw_[0].valid() || !made.raw_[1].valid() || !made.frames_.valid()) {
    return Failed("raw sockets");
  }
  Result<UniqueFd> ipv4 = OpenCapture(ETH_P_IP, ForIpv4());
  if (!ipv4.ok()) return ipv4.status();
  Result<UniqueFd> ipv6 = OpenCapture(ETH_P_IPV6, ForIpv6());
  if (!ipv6.ok()) return ipv6.status();
  made.captures_ = {std::move(*ipv4), std::move(*ipv6)};
  return made;
}

Result<IpAddress> Uplink::SourceFor(const IpAddress& backend, IpFamily family) {
  Result<IpAddress> local = LocalAddressTo(backend);
  if (!local.ok()) return local;
  const Interfaces interfaces;
  const std::string name = interfaces.Of(*local);
  std::optional<IpAddress> own;
  for (const ifaddrs* i = interfaces.first; i != nullptr; i = i->ifa_next) {
    if (name != i->ifa_name || !IsOwn(*i, family)) continue;
    const auto address = AddressIn(i->ifa_addr);
    if (!own || address == *local) own = address;
  }
  if (own) return *own;
  if (local->family() == family) return local;  // an interface without a subnet has no VIPs either
  return Status(StatusCode::kNotFound,
                name + " has no address of " + (family == IpFamily::kIpv4 ? "IPv4" : "IPv6"));
}

Result<Uplink::Port> Uplink::Reserve(const IpAddress& source, int type) {
  const auto now = std::chrono::steady_clock::now();
  for (; !released_.empty() && released_.front().until <= now; released_.pop_front()) {
    taken_.erase(released_.front().port.number);
  }
  const Filter nothing{Return(0)};
  for (unsigned tries = 0; tries < kPorts; ++tries) {
    const auto number = static_cast<uint16_t>(kFirstPort + next_);
    next_ = static_cast<uint16_t>((next_ + 1) % kPorts);
    if (taken_.contains(number)) continue;
    Port port{number, UniqueFd()};
    if (type != SOCK_RAW) {
      port.drain = UniqueFd(socket(source.is_v4() ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0));
      const SocketAddress own(source, number);
      if (!port.drain.valid() || !Attach(port.drain.get(), nothing)) return Failed("socket");
      if (bind(port.drain.get(), own.get(), own.length()) != 0) {
        if (errno == EADDRINUSE) continue;
        return Failed("bind");
      }
      if (type == SOCK_STREAM && listen(port.drain.get(), 1) != 0) return Failed("listen");
    }
    taken_.insert(number);
    return port;
  }
  return Status(StatusCode::kResourceExhausted, "all ports of probes are in use");
}

void Uplink::Release(Port port) {
  released_.push_back({std::move(port), std::chrono::steady_clock::now() + kDraining});
}

Result<Uplink::Neighbor> Uplink::FindNeighbor(const IpAddress& backend) {
  const auto now = std::chrono::steady_clock::now();
  if (const auto known = neighbors_.find(backend); known != neighbors_.end()) {
    if (now < known->second.until) return known->second;
    neighbors_.erase(known);
  }
  Result<IpAddress> local = LocalAddressTo(backend);
  if (!local.ok()) return local.status();
  const auto if_index = static_cast<int>(if_nametoindex(Interfaces().Of(*local).c_str()));
  std::optional<MacAddress> mac;
  const uint8_t family = backend.is_v4() ? AF_INET : AF_INET6;
  const auto dumped = netlink_.Dump(netlink::DumpNeighbors(family), [&](netlink::Bytes message) {
    const auto neighbor = netlink::ParseNeighbor(message);
    if (neighbor && neighbor->if_index == if_index && neighbor->address == backend) {
      mac = neighbor->mac;
    }
  });
  if (!dumped.ok()) return dumped.status();
  if (!mac) {
    (void)netlink_.Execute(netlink::ResolveNeighbor(if_index, backend));
    return Status(StatusCode::kUnavailable,
                  backend.ToString() + " does not tell its MAC address to this machine");
  }
  return neighbors_.try_emplace(backend, Neighbor{if_index, *mac, now + kNeighborLife})
      .first->second;
}

Status Uplink::SendFrame(const IpAddress& backend, std::span<const uint8_t> packet) {
  const Result<Neighbor> neighbor = FindNeighbor(backend);
  if (!neighbor.ok()) return neighbor.status();
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_protocol = htons(packet[0] >> 4 == 6 ? ETH_P_IPV6 : ETH_P_IP);
  to.sll_ifindex = neighbor->if_index;
  to.sll_halen = sizeof(MacAddress);
  std::memcpy(to.sll_addr, &neighbor->mac, sizeof(MacAddress));
  const ssize_t sent = sendto(frames_.get(), packet.data(), packet.size(), MSG_DONTWAIT,
                              reinterpret_cast<const sockaddr*>(&to), sizeof(to));
  return sent < 0 ? Failed("send") : Status::Ok();
}

Status Uplink::Send(const ClientWay& way, const IpAddress& backend,
                    std::span<const uint8_t> packet) {
  if (way.forward == ForwardMode::kL2dsr) return SendFrame(backend, packet);
  const SocketAddress to(backend, 0);
  const int fd = raw_[backend.is_v4() ? 0 : 1].get();
  const ssize_t sent =
      sendto(fd, packet.data(), packet.size(), MSG_DONTWAIT, to.get(), to.length());
  return sent < 0 ? Failed("send") : Status::Ok();
}

std::optional<std::span<const uint8_t>> Uplink::Receive(std::span<uint8_t> buffer) {
  for (const UniqueFd& capture : captures_) {
    const ssize_t got = recv(capture.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got > 0) return buffer.first(static_cast<size_t>(got));
  }
  return std::nullopt;
}

}  // namespace flyover::lb
