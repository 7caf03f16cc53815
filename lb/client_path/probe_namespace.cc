#include "lb/client_path/probe_namespace.h"

#include <fcntl.h>
#include <linux/if_addr.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <thread>
#include <utility>

#include "common/namespace/namespace.h"
#include "common/tap/tap_header.h"
#include "common/tap/tun_device.h"
#include "lb/client_path/socket_address.h"

namespace flyover::lb {
namespace {

constexpr char kDevice[] = "probes";
// Leaves room for the outer headers of every encapsulation in 1,500 bytes.
constexpr int kMtu = 1400;

Status Failed(const char* what) { return ErrnoStatus(StatusCode::kUnavailable, what, errno); }

// Does nothing where there is no such file: then IPv6 is as it is.
void AllowIpv6() {
  const UniqueFd file(open("/proc/sys/net/ipv6/conf/all/disable_ipv6", O_WRONLY | O_CLOEXEC));
  if (file.valid()) (void)!write(file.get(), "0", 1);
}

}  // namespace

Result<ProbeNamespace> ProbeNamespace::Make() {
  // On a thread of its own, which ends inside: nobody has to find the way back.
  std::optional<Result<ProbeNamespace>> made;
  std::thread([&] {
    if (unshare(CLONE_NEWNET) != 0) {
      made.emplace(Failed("make a network namespace"));
    } else {
      made.emplace(MakeHere());
    }
  }).join();
  return std::move(*made);
}

Result<ProbeNamespace> ProbeNamespace::MakeHere() {
  UniqueFd self(open(NamespacePath("").c_str(), O_RDONLY | O_CLOEXEC));
  if (!self.valid()) return Failed("open the network namespace");
  AllowIpv6();
  Result<TunDevice> tun = MakeTun({.name = kDevice, .header = true, .mtu = kMtu});
  if (!tun.ok()) return tun.status();
  if (Status status = SetInterfaceUp("lo"); !status.ok()) return status;
  Result<netlink::Socket> netlink = netlink::Socket::Open({});
  if (!netlink.ok()) return netlink.status();
  ProbeNamespace made(std::move(self), std::move(tun->fd), std::move(*netlink), tun->if_index);
  if (Status status = made.AddDefaultRoutes(); !status.ok()) return status;
  return made;
}

Status ProbeNamespace::AddDefaultRoutes() {
  for (const IpAddress& any : {IpAddress(Ipv4Address{}), IpAddress(Ipv6Address{})}) {
    netlink::RouteSpec route;
    route.destination = IpPrefix(any, 0);
    route.nexthops.push_back({.gateway = std::nullopt, .if_index = if_index_});
    if (Status status = netlink_.Execute(AddRoute(route, netlink::RouteWrite::kReplace));
        !status.ok()) {
      return status;
    }
  }
  return Status::Ok();
}

Status ProbeNamespace::AddSource(const IpAddress& source) {
  if (sources_.contains(source)) return Status::Ok();
  netlink::AddressSpec spec;
  spec.if_index = if_index_;
  spec.address = {source, static_cast<uint8_t>(source.bits())};
  spec.flags = IFA_F_NODAD;
  Status status = netlink_.Execute(AddAddress(spec));
  if (status.ok()) sources_.insert(source);
  return status;
}

Result<UniqueFd> ProbeNamespace::OpenSocket(const IpAddress& source, uint16_t port, int type,
                                            int protocol) {
  if (Status status = AddSource(source); !status.ok()) return status;
  return InNamespace("/proc/self/fd/" + std::to_string(self_.get()), [&]() -> Result<UniqueFd> {
    const int family = source.is_v4() ? AF_INET : AF_INET6;
    UniqueFd made(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
    if (!made.valid()) return Failed("socket");
    const int on = 1;
    setsockopt(made.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (type == SOCK_STREAM) {
      const linger reset{.l_onoff = 1, .l_linger = 0};
      setsockopt(made.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    }
    const SocketAddress own(source, port);
    if (bind(made.get(), own.get(), own.length()) != 0) return Failed("bind");
    return made;
  });
}

std::optional<std::span<const uint8_t>> ProbeNamespace::Read(std::span<uint8_t> buffer) {
  TapHeader header;
  std::array<iovec, 2> parts{{{&header, sizeof(header)}, {buffer.data(), buffer.size()}}};
  const ssize_t length = readv(tun_.get(), parts.data(), static_cast<int>(parts.size()));
  if (length <= static_cast<ssize_t>(sizeof(header))) return std::nullopt;
  return buffer.first(static_cast<size_t>(length) - sizeof(header));
}

void ProbeNamespace::Write(std::span<const uint8_t> packet) {
  // Segments that were joined on their way here have no checksum of the whole.
  TapHeader header{.flags = kTapChecksumIsRight};
  const std::array<iovec, 2> parts{
      {{&header, sizeof(header)}, {const_cast<uint8_t*>(packet.data()), packet.size()}}};
  // A packet that the kernel does not take is lost, as on any wire.
  (void)!writev(tun_.get(), parts.data(), static_cast<int>(parts.size()));
}

}  // namespace flyover::lb
