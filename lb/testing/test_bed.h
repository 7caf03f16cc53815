// For tests of the balancer's stages: real packet memory, one or two lcores' state, a service table
// made by the real manager, and packets whose meta is filled as the router's input stages do.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/datapath/burst.h"
#include "common/datapath/stage_context.h"
#include "common/net/ip_address.h"
#include "common/rcu/published.h"
#include "lb/control/service_manager.h"
#include "lb/datapath/lb_lcore.h"

namespace flyover::lb {

using Bytes = std::vector<uint8_t>;

inline IpAddress Ip(const char* text) { return *IpAddress::Parse(text); }

// ---- Packets, from the IP header on. Checksums of IPv4 and ICMP are right. ----

struct IpFields {
  uint8_t protocol = 6;
  uint8_t traffic_class = 0;
  uint8_t ttl = 61;
  uint16_t ipv4_fragment = 0;  // DF, MF and offset as in the header
  Bytes between;               // IPv4 options or IPv6 extension headers
  uint8_t ipv6_next = 0;       // of the IPv6 header, where there are extension headers
};
Bytes IpPacket(const IpAddress& src, const IpAddress& dst, const IpFields& fields,
               const Bytes& payload);
Bytes TcpSegment(uint16_t src_port, uint16_t dst_port, uint8_t flags, size_t data = 0);
Bytes UdpDatagram(uint16_t src_port, uint16_t dst_port, size_t data = 0);
// `src` and `dst` are for the pseudo-header of ICMPv6.
Bytes IcmpMessage(const IpAddress& src, const IpAddress& dst, uint8_t type, uint8_t code,
                  uint32_t rest, const Bytes& body);
// A plain TCP packet, protocol and family by the addresses.
Bytes TcpPacket(const char* src, uint16_t src_port, const char* dst, uint16_t dst_port,
                uint8_t flags = 0x10, size_t data = 0);

struct Layout {
  // Lengths of the first segments; the rest of the packet is one more. Empty: one segment.
  std::vector<uint16_t> segments;
  uint16_t headroom = RTE_PKTMBUF_HEADROOM;
  uint16_t padding = 0;  // bytes behind the IP packet
};

class TestBed {
 public:
  // Services: see .cc. Starts EAL on first use.
  explicit TestBed(unsigned lcores = 1);
  ~TestBed();

  // Puts `config` in force.
  void Apply(const LbConfig& config);
  const ServiceTable& table() const { return *published.Load(); }
  BackendId IdOf(const std::string& service, const std::string& backend) const;
  BackendInfo Info(const std::string& service, const std::string& backend) const;

  // Appends a packet to the burst; returns its index.
  unsigned Add(const Bytes& l3, const Layout& layout = {});
  // Frees what is in the burst, as transmission would.
  void Clear();
  // The packet's bytes from `offset` of its data on.
  Bytes Read(unsigned i, unsigned offset) const;
  // Its L3 bytes, by meta.
  Bytes ReadL3(unsigned i) const { return Read(i, burst.meta[i].l3_offset); }
  IndexList All() const;

  uint64_t Drops(DropReason reason) const;
  uint64_t AllDrops() const;

  // Walks the whole burst through the balancer's stages on lcore `n`; the indices that go on to
  // fib_lookup.
  IndexList Run(unsigned n = 0);

  rte_mempool* pool;
  std::unique_ptr<StageContext> context;
  QsbrDomain qsbr{1};
  Published<ServiceTable> published;
  std::vector<std::unique_ptr<LbLcore>> lcores;
  std::unique_ptr<ServiceManager> manager;
  Burst burst;
};

// VIPs 192.0.2.1 and 2001:db8:100::1, TCP and UDP port 80, two backends of `family` named b1 and
// b2.
LbConfig TwoBackends(ForwardMode forward, IpFamily family);

}  // namespace flyover::lb
