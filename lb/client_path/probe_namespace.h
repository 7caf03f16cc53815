// A network namespace of the checker's own, where its kernel speaks TCP, UDP and ICMP to VIPs:
// there a VIP is an ordinary far address, even if this machine answers ARP for it. Its one device
// is a TUN whose other end is ours, so every packet to a VIP comes to us to be sent on its way, and
// answers are put in here.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "common/base/status.h"
#include "common/net/ip_address.h"
#include "common/netlink/socket.h"
#include "common/tap/unique_fd.h"

namespace flyover::lb {

class ProbeNamespace {
 public:
  // Needs CAP_SYS_ADMIN and CAP_NET_ADMIN. It ends with this object and the sockets from it.
  static Result<ProbeNamespace> Make();

  // A socket inside, bound to source:port (0: none). A TCP one resets its connection when it is
  // closed, so that the same addresses and ports can be used again at once.
  Result<UniqueFd> OpenSocket(const IpAddress& source, uint16_t port, int type, int protocol);

  int fd() const { return tun_.get(); }  // readable: Read gives a packet
  // The next packet from inside, whole, in `buffer`; nullopt: there is none now.
  std::optional<std::span<const uint8_t>> Read(std::span<uint8_t> buffer);
  // Puts a packet in; its checksums are believed.
  void Write(std::span<const uint8_t> packet);

 private:
  ProbeNamespace(UniqueFd self, UniqueFd tun, netlink::Socket netlink, int if_index)
      : self_(std::move(self)),
        tun_(std::move(tun)),
        netlink_(std::move(netlink)),
        if_index_(if_index) {}
  static Result<ProbeNamespace> MakeHere();
  Status AddSource(const IpAddress& source);
  Status AddDefaultRoutes();

  UniqueFd self_;
  UniqueFd tun_;
  netlink::Socket netlink_;
  int if_index_;
  std::set<IpAddress> sources_;  // that the device has
};

}  // namespace flyover::lb
