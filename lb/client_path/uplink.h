// The machine's side of the probes' way: sends packets towards backends, and takes what comes back
// from VIPs off the wire before the machine's kernel, which may know nothing of them or hold a VIP
// for an address of its own and so would refuse them.
//
// Answers are told by their port (an ICMP echo's by its identifier), from a block above those that
// Linux gives to programs by itself. While a port is reserved, packets to it that the kernel gets
// too end silently in a socket that drops everything, not in a reset.
//
// Threads: one, in the namespace where it was opened: of the TAPs, whose kernel finds the way to
// backends and their neighbours.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>

#include "common/base/status.h"
#include "common/net/mac_address.h"
#include "common/netlink/socket.h"
#include "common/tap/unique_fd.h"
#include "lb/client_path/client_way.h"

namespace flyover::lb {

class Uplink {
 public:
  static constexpr uint16_t kFirstPort = 61'440;
  static constexpr uint16_t kPorts = 2'048;

  // Needs CAP_NET_RAW.
  static Result<Uplink> Open();

  // The address of this machine, of that family, from which probes to the backend go out: of the
  // interface that leads there, and none of the VIPs that may be on it (IPv6 prefers those while
  // the others are new). kNotFound: it has none.
  static Result<IpAddress> SourceFor(const IpAddress& backend, IpFamily family);

  struct Port {
    uint16_t number;
    UniqueFd drain;  // swallows what the kernel gets; for ICMP, where it says nothing, none
  };
  // type: SOCK_STREAM, SOCK_DGRAM, SOCK_RAW (ICMP). kResourceExhausted: none is free now.
  Result<Port> Reserve(const IpAddress& source, int type);
  // It drains for a moment longer: the other side's last packets may be on their way.
  void Release(Port port);

  // Sends `packet`, in the form of Encapsulate, to the backend. kUnavailable: with L2-DSR, the
  // backend's MAC address is not known yet (it has been asked for).
  Status Send(const ClientWay& way, const IpAddress& backend, std::span<const uint8_t> packet);

  std::array<int, 2> fds() const { return {captures_[0].get(), captures_[1].get()}; }
  // The next packet for a port of the block, reserved or not; nullopt: there is none now.
  std::optional<std::span<const uint8_t>> Receive(std::span<uint8_t> buffer);

 private:
  struct Neighbor {
    int if_index;
    MacAddress mac;
    std::chrono::steady_clock::time_point until;
  };

  struct Released {
    Port port;
    std::chrono::steady_clock::time_point until;
  };

  explicit Uplink(netlink::Socket netlink) : netlink_(std::move(netlink)) {}
  Result<Neighbor> FindNeighbor(const IpAddress& backend);
  Status SendFrame(const IpAddress& backend, std::span<const uint8_t> packet);

  netlink::Socket netlink_;
  std::array<UniqueFd, 2> captures_;  // IPv4, IPv6
  std::array<UniqueFd, 2> raw_;       // whole packets go out here
  UniqueFd frames_;
  std::map<IpAddress, Neighbor> neighbors_;
  std::set<uint16_t> taken_;
  std::deque<Released> released_;  // of taken_, oldest first
  uint16_t next_ = 0;              // port to be tried next, less kFirstPort
};

}  // namespace flyover::lb
