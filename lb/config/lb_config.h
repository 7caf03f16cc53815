// What the document says of the balancer, after validation. Plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/quantity.h"
#include "common/config/document_mark.h"
#include "common/net/ip_prefix.h"
#include "lb/config/port_range.h"
#include "lb/quic/quic_cid.h"

namespace flyover::lb {

enum class Protocol : uint8_t { kTcp = 6, kUdp = 17 };
enum class ForwardMode : uint8_t { kL2dsr, kL3dsr, kIpip, kGre, kGue };

constexpr bool IsTunnel(ForwardMode mode) {
  return mode != ForwardMode::kL2dsr && mode != ForwardMode::kL3dsr;
}

// The document's word.
constexpr std::string_view ForwardName(ForwardMode mode) {
  switch (mode) {
    case ForwardMode::kL2dsr:
      return "l2dsr";
    case ForwardMode::kL3dsr:
      return "l3dsr";
    case ForwardMode::kGre:
      return "gre";
    case ForwardMode::kGue:
      return "gue";
    case ForwardMode::kIpip:
      break;
  }
  return "ipip";
}

// What of a packet chooses its backend (lb/service/affinity.h).
enum class Affinity : uint8_t { kFlow, kSource, kSourcePrefix, kSourceAndPort, kPacket };

// The document's word.
constexpr std::string_view AffinityName(Affinity affinity) {
  switch (affinity) {
    case Affinity::kSource:
      return "source";
    case Affinity::kSourcePrefix:
      return "source_prefix";
    case Affinity::kSourceAndPort:
      return "source_and_port";
    case Affinity::kPacket:
      return "packet";
    case Affinity::kFlow:
      break;
  }
  return "flow";
}

// Leading bits of a source address.
struct PrefixLengths {
  uint8_t ipv4 = 24;
  uint8_t ipv6 = 56;
  bool operator==(const PrefixLengths&) const = default;
};

// Don't-fragment flag of an outer IPv4 header.
enum class DfPolicy : uint8_t { kCopy, kSet, kClear };

struct BackendConfig {
  std::string name;
  IpAddress address;      // identifies the backend: two entries with one address are one backend
  uint16_t weight = 100;  // 0 drains: known, keeps its connections, gets no new ones
  uint16_t priority = 0;  // groups of higher numbers are spare
  uint16_t mtu = 0;  // largest IP packet on the way to it, outer header included; 0: the port's
  DfPolicy df = DfPolicy::kCopy;
  std::vector<QuicServerId> quic_ids = {};  // by which QUIC connection ids name it
  bool operator==(const BackendConfig&) const = default;
};

struct HealthConfig {
  enum class Kind : uint8_t { kNone, kTcp, kHttp, kHttps, kTls, kGrpc, kUdp, kDns, kIcmp, kExec };
  Kind kind = Kind::kNone;
  std::optional<uint16_t> port;  // default: the service's port
  std::string path = "/";        // HTTP(S): request target; gRPC: service; DNS: name
  std::string host;       // HTTP: Host header; empty: the backend's address. HTTPS, TLS: SNI, too
  uint16_t expect = 200;  // HTTP(S): status
  std::string body;       // HTTP(S), UDP: what the answer must contain; empty: anything
  std::string send;       // UDP: payload
  std::vector<std::string> command = {};  // kExec: program and arguments
  bool verify = false;                    // HTTPS, TLS: the certificate, for `host`
  bool as_client = false;  // to the VIP and in the service's encapsulation; not of kExec
  std::chrono::milliseconds interval{2000};
  std::chrono::milliseconds timeout{1000};
  uint16_t fall = 3;                          // failures in a row until down
  uint16_t rise = 2;                          // successes in a row until up
  std::chrono::milliseconds damping{60'000};  // down again before it was up so long: more; 0: never
  bool operator==(const HealthConfig&) const = default;
};

// Outer source addresses of tunnelled packets; one per family that is used.
struct TunnelSource {
  std::optional<Ipv4Address> ipv4;
  std::optional<Ipv6Address> ipv6;

  std::optional<IpAddress> For(IpFamily family) const {
    if (family == IpFamily::kIpv4 && ipv4) return IpAddress(*ipv4);
    if (family == IpFamily::kIpv6 && ipv6) return IpAddress(*ipv6);
    return std::nullopt;
  }
  bool operator==(const TunnelSource&) const = default;
};

// Generic UDP encapsulation: variant 0 has a header of four bytes (draft-ietf-intarea-gue 3),
// variant 1 has none, the IP packet follows the UDP header (4).
struct GueConfig {
  uint8_t variant = 0;
  uint16_t port = 6080;  // that the backends listen on; IANA's
  auto operator<=>(const GueConfig&) const = default;
};

struct ServiceConfig {
  std::string name;
  std::vector<IpPrefix> vips;  // single addresses as /32 and /128
  Protocol protocol = Protocol::kTcp;
  PortRange ports;
  uint32_t table_size = 65'537;  // slots of its Maglev table
  Affinity affinity = Affinity::kFlow;
  PrefixLengths affinity_prefix;    // of kSourcePrefix
  std::vector<QuicCidConfig> quic;  // packets whose connection id names a backend go there
  ForwardMode forward = ForwardMode::kIpip;
  TunnelSource
      source;  // of tunnels: `balancer.source` is already filled in where the service has none
  GueConfig gue;
  uint8_t dscp = 0;       // of kL3dsr: what tells the backends the VIP
  bool fragment = false;  // of tunnels: what is too long is cut, not refused by ICMP
  uint16_t tcp_mss = 0;   // limit to what a client's SYN may announce; 0: none
  std::vector<BackendConfig> backends;
  HealthConfig health;
  uint16_t min_up = 1;            // so many healthy backends before a spare group is left out
  uint16_t panic_threshold = 0;   // percent; fewer up than this: health is not believed
  uint16_t swallow_weight = 100;  // percent of its weight for one that swallows connections
  bool fail_open = false;         // the same when none is up
  bool announce = true;           // its VIPs, where the balancer announces at all
  std::chrono::seconds slow_start{0};
  bool operator==(const ServiceConfig&) const = default;
};

// VIPs as routes of the kernel, for routing daemons (lb/control/vip_announcer.h).
struct AnnounceConfig {
  uint32_t table = 0;
  std::chrono::milliseconds hold_up{5000};
  std::chrono::milliseconds hold_down{3000};
  bool operator==(const AnnounceConfig&) const = default;
};

struct ConnectionConfig {
  uint32_t capacity = 1'048'576;  // flows, over all lcores
  std::chrono::seconds tcp_timeout{300};
  std::chrono::seconds udp_timeout{30};
  // How long flows are still answered by the tables before a change; none: the protocol's timeout.
  std::optional<std::chrono::seconds> change_window;
  bool operator==(const ConnectionConfig&) const = default;
};

struct LbConfig {
  uint64_t seed = 0;  // two boxes with the same seed and services build the same tables
  ConnectionConfig connections;
  uint32_t table_size = 65'537;  // for services that name none, 0: automatic; already filled in
  TunnelSource source;           // for services that name none; already filled into theirs
  std::string health_namespace;  // network namespace probes are sent from; empty: the daemon's own
  DocumentMark health_mark;      // of that namespace
  std::optional<HundredthsOfPercent> max_moved;  // budget of a reload; none: no limit
  std::optional<AnnounceConfig> announce;        // none: VIPs are not announced
  bool reject_unknown_ports = false;             // of VIPs; else they are dropped
  std::vector<ServiceConfig> services;
  bool operator==(const LbConfig&) const = default;
};

}  // namespace flyover::lb
