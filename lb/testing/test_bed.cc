#include "lb/testing/test_bed.h"

#include <gtest/gtest.h>
#include <rte_eal.h>
#include <rte_mempool.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "common/net/checksum.h"
#include "common/net/headers.h"
#include "lb/datapath/backend_select.h"
#include "lb/datapath/connection_lookup.h"
#include "lb/datapath/encap.h"
#include "lb/datapath/service_lookup.h"

namespace flyover::lb {
namespace {

constexpr uint64_t kTscHz = 1'000'000;
constexpr uint64_t kSeed = 5;

rte_mempool* SharedPool() {
  static rte_mempool* const pool = [] {
    const std::string prefix = "--file-prefix=lbtest" + std::to_string(getpid());
    std::array<const char*, 9> args = {"test",        "--no-huge",      "--no-pci",
                                       "--no-shconf", "--no-telemetry", "-m",
                                       "64",          prefix.c_str(),   "--log-level=3"};
    if (rte_eal_init(static_cast<int>(args.size()), const_cast<char**>(args.data())) < 0) abort();
    return rte_pktmbuf_pool_create("lb_test", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  }();
  return pool;
}

void Append(Bytes& to, const void* data, size_t length) {
  const auto* p = static_cast<const uint8_t*>(data);
  to.insert(to.end(), p, p + length);
}

// What the router's ip_input knows of a packet of these tests.
void FillMeta(const Bytes& l3, const HashKey& key, PacketMeta& meta) {
  const bool v6 = l3[0] >> 4 == 6;
  unsigned l4 = 0;
  meta.l3_offset = sizeof(EthernetHeader);
  meta.l3_length = static_cast<uint16_t>(l3.size());
  if (v6) {
    meta.flags = kIpv6;
    meta.protocol = l3[6];
    l4 = sizeof(Ipv6Header);
    while (meta.protocol == kProtoHopByHop || meta.protocol == kProtoDestOptions ||
           meta.protocol == kProtoFragment) {
      if (meta.protocol == kProtoFragment) {
        if ((LoadBe16(&l3[l4 + 2]) & 0xfff9) != 0) meta.flags |= kFragment;
      } else {
        meta.flags |= kIpOptions;
      }
      const unsigned length = meta.protocol == kProtoFragment ? 8 : 8u * (l3[l4 + 1] + 1u);
      meta.protocol = l3[l4];
      l4 += length;
    }
  } else {
    meta.protocol = l3[9];
    l4 = (l3[0] & 0xfu) * 4;
    if (l4 > sizeof(Ipv4Header)) meta.flags |= kIpOptions;
    if ((LoadBe16(&l3[6]) & (kIpv4MoreFragments | kIpv4OffsetMask)) != 0) meta.flags |= kFragment;
  }
  meta.l4_offset = static_cast<uint16_t>(meta.l3_offset + l4);
  const size_t whole = meta.protocol == kProtoTcp ? sizeof(TcpHeader) : sizeof(UdpHeader);
  const bool has_l4 = meta.protocol == kProtoTcp || meta.protocol == kProtoUdp ||
                      meta.protocol == (v6 ? kProtoIcmpv6 : kProtoIcmp);
  if (has_l4 && l4 + whole <= l3.size()) meta.flags |= kL4Valid;
  const bool ports = meta.protocol == kProtoTcp || meta.protocol == kProtoUdp;
  const uint32_t port_word = ports && (meta.flags & (kL4Valid | kFragment)) == kL4Valid
                                 ? LoadUnaligned<uint32_t>(&l3[l4])
                                 : 0;
  if (v6) {
    meta.flow_hash = HashIpv6Flow(key, &l3[8], port_word, meta.protocol);
    std::memcpy(meta.lookup.data(), &l3[24], 16);
  } else {
    meta.flow_hash =
        HashIpv4Flow(key, LoadBe32(&l3[12]), LoadBe32(&l3[16]), port_word, meta.protocol);
    std::memcpy(meta.lookup.data(), &l3[16], 4);
  }
  meta.lookup_v6 = v6;
  meta.in_port = PortIndex(0);
  meta.source = PortSource(PortIndex(0));
}

}  // namespace

Bytes IpPacket(const IpAddress& src, const IpAddress& dst, const IpFields& fields,
               const Bytes& payload) {
  Bytes packet;
  if (src.is_v4()) {
    Ipv4Header ip{};
    const size_t header = sizeof(ip) + fields.between.size();
    ip.version_ihl = static_cast<uint8_t>(0x40 | header / 4);
    ip.tos = fields.traffic_class;
    ip.total_length = Be16(static_cast<uint16_t>(header + payload.size()));
    ip.id = Be16(0x1234);
    ip.fragment = Be16(fields.ipv4_fragment);
    ip.ttl = fields.ttl;
    ip.protocol = fields.protocol;
    ip.src = Be32(src.v4().value);
    ip.dst = Be32(dst.v4().value);
    Append(packet, &ip, sizeof(ip));
    Append(packet, fields.between.data(), fields.between.size());
    const Be16 checksum = Checksum(packet.data(), header);
    std::memcpy(&packet[10], &checksum, 2);
  } else {
    Ipv6Header ip{};
    ip.version_class_flow = Be32(6u << 28 | static_cast<uint32_t>(fields.traffic_class) << 20 | 7);
    ip.payload_length = Be16(static_cast<uint16_t>(fields.between.size() + payload.size()));
    ip.next_header = fields.between.empty() ? fields.protocol : fields.ipv6_next;
    ip.hop_limit = fields.ttl;
    std::memcpy(ip.src, src.data(), 16);
    std::memcpy(ip.dst, dst.data(), 16);
    Append(packet, &ip, sizeof(ip));
    Append(packet, fields.between.data(), fields.between.size());
  }
  Append(packet, payload.data(), payload.size());
  return packet;
}

Bytes TcpSegment(uint16_t src_port, uint16_t dst_port, uint8_t flags, size_t data) {
  TcpHeader tcp{};
  tcp.src_port = Be16(src_port);
  tcp.dst_port = Be16(dst_port);
  tcp.data_offset = 5 << 4;
  tcp.flags = flags;
  Bytes bytes;
  Append(bytes, &tcp, sizeof(tcp));
  for (size_t i = 0; i < data; ++i) bytes.push_back(static_cast<uint8_t>(i));
  return bytes;
}

Bytes UdpDatagram(uint16_t src_port, uint16_t dst_port, size_t data) {
  UdpHeader udp{};
  udp.src_port = Be16(src_port);
  udp.dst_port = Be16(dst_port);
  udp.length = Be16(static_cast<uint16_t>(sizeof(udp) + data));
  Bytes bytes;
  Append(bytes, &udp, sizeof(udp));
  bytes.resize(bytes.size() + data, 'x');
  return bytes;
}

Bytes IcmpMessage(const IpAddress& src, const IpAddress& dst, uint8_t type, uint8_t code,
                  uint32_t rest, const Bytes& body) {
  IcmpHeader icmp{};
  icmp.type = type;
  icmp.code = code;
  icmp.rest = Be32(rest);
  Bytes bytes;
  Append(bytes, &icmp, sizeof(icmp));
  Append(bytes, body.data(), body.size());
  ChecksumAccumulator sum;
  if (src.is_v6()) {
    Ipv6Header pseudo{};
    std::memcpy(pseudo.src, src.data(), 16);
    std::memcpy(pseudo.dst, dst.data(), 16);
    AddPseudoHeader(sum, pseudo, kProtoIcmpv6, static_cast<uint16_t>(bytes.size()));
  }
  sum.Add(bytes.data(), bytes.size());
  const Be16 checksum = sum.Finish();
  std::memcpy(&bytes[2], &checksum, 2);
  return bytes;
}

Bytes TcpPacket(const char* src, uint16_t src_port, const char* dst, uint16_t dst_port,
                uint8_t flags, size_t data) {
  return IpPacket(Ip(src), Ip(dst), {}, TcpSegment(src_port, dst_port, flags, data));
}

TestBed::TestBed(unsigned lcore_count) : pool(SharedPool()) {
  StageContext::Options options;
  options.lcore = LcoreIndex(0);
  options.pool = pool;
  options.tsc_hz = kTscHz;
  context = std::make_unique<StageContext>(options);
  context->set_now(1000 * kTscHz);
  lcores = std::move(MakeLbLcores(lcore_count, 4096 * lcore_count, KeyFromSeed(kSeed, 1), kTscHz))
               .value();
  std::vector<const ConnectionTable*> tables;
  std::vector<const LbCounters*> counters;
  for (const auto& lcore : lcores) {
    tables.push_back(lcore->connections.get());
    counters.push_back(&lcore->counters);
  }
  manager = std::make_unique<ServiceManager>(published, qsbr, tables, counters);
}

TestBed::~TestBed() {
  Clear();
  EXPECT_EQ(rte_mempool_in_use_count(pool), 0u) << "packets were lost";
}

void TestBed::Apply(const LbConfig& config) {
  const Status status = manager->Apply(config, {}, {});
  ASSERT_TRUE(status.ok()) << status.message();
}

BackendInfo TestBed::Info(const std::string& service, const std::string& backend) const {
  for (BackendInfo& info : manager->Backends()) {
    if (info.service == service && info.name == backend) return info;
  }
  ADD_FAILURE() << "no backend " << backend << " in " << service;
  return {};
}

BackendId TestBed::IdOf(const std::string& service, const std::string& backend) const {
  return Info(service, backend).id;
}

unsigned TestBed::Add(const Bytes& l3, const Layout& layout) {
  Bytes frame(sizeof(EthernetHeader) + l3.size() + layout.padding, 0xaa);
  std::copy(l3.begin(), l3.end(), frame.begin() + sizeof(EthernetHeader));

  rte_mbuf* head = nullptr;
  size_t at = 0;
  for (size_t segment = 0; at < frame.size(); ++segment) {
    rte_mbuf* const m = rte_pktmbuf_alloc(pool);
    m->data_off = layout.headroom;
    const size_t room = rte_pktmbuf_tailroom(m);
    size_t length = std::min(frame.size() - at, room);
    if (segment < layout.segments.size()) {
      length = std::min<size_t>(length, layout.segments[segment]);
    }
    std::memcpy(rte_pktmbuf_append(m, static_cast<uint16_t>(length)), &frame[at], length);
    at += length;
    if (head == nullptr) {
      head = m;
    } else {
      rte_pktmbuf_chain(head, m);
    }
  }
  const unsigned i = burst.size++;
  SetSource(head, PortSource(PortIndex(0)));
  burst.pkt[i] = head;
  burst.meta[i] = {};
  FillMeta(l3, lcores[0]->flow_key, burst.meta[i]);
  return i;
}

void TestBed::Clear() {
  context->FlushDrops();
  for (unsigned i = 0; i < burst.size; ++i) rte_pktmbuf_free(burst.pkt[i]);
  burst.size = 0;
}

Bytes TestBed::Read(unsigned i, unsigned offset) const {
  const rte_mbuf* const m = burst.pkt[i];
  EXPECT_EQ(rte_mbuf_check(m, 1, nullptr), 0);
  Bytes bytes(m->pkt_len - offset);
  const void* const read =
      rte_pktmbuf_read(m, offset, static_cast<uint32_t>(bytes.size()), bytes.data());
  if (read != bytes.data()) std::memcpy(bytes.data(), read, bytes.size());
  return bytes;
}

IndexList TestBed::All() const {
  IndexList all;
  for (unsigned i = 0; i < burst.size; ++i) all.Add(i);
  return all;
}

uint64_t TestBed::Drops(DropReason reason) const {
  return context->ledger()[PortSource(PortIndex(0))].drops[static_cast<size_t>(reason)];
}

uint64_t TestBed::AllDrops() const {
  uint64_t sum = 0;
  for (const uint64_t n : context->ledger()[PortSource(PortIndex(0))].drops) sum += n;
  return sum;
}

IndexList TestBed::Run(unsigned n) {
  LbLcore& lcore = *lcores[n];
  ServiceEdges service;
  ServiceLookup(*context, lcore, published.Load(), burst, All(), service);
  ConnectionEdges connection;
  ConnectionLookup(*context, lcore, table(), burst, service.balance, connection);
  IndexList selected;
  BackendSelect(*context, lcore, table(), burst, connection.miss, selected);
  for (const unsigned i : connection.hit) selected.Add(i);
  IndexList routed = service.route;
  Encap(*context, lcore, table(), burst, selected, routed);

  // What was dropped is freed with FlushDrops; the burst keeps the rest.
  context->FlushDrops();
  Burst kept;
  IndexList out;
  std::vector<uint8_t> order(routed.begin(), routed.end());
  std::sort(order.begin(), order.end());
  for (const unsigned i : order) {
    kept.pkt[kept.size] = burst.pkt[i];
    kept.meta[kept.size] = burst.meta[i];
    out.Add(kept.size++);
  }
  burst = kept;
  return out;
}

LbConfig TwoBackends(ForwardMode forward, IpFamily family) {
  LbConfig config;
  config.seed = kSeed;
  for (const Protocol protocol : {Protocol::kTcp, Protocol::kUdp}) {
    ServiceConfig service;
    service.name = protocol == Protocol::kTcp ? "tcp" : "udp";
    service.vips = {Ip("192.0.2.1"), Ip("2001:db8:100::1")};
    service.protocol = protocol;
    service.port = 80;
    service.forward = forward;
    service.source.ipv4 = Ip("10.255.0.1").v4();
    service.source.ipv6 = Ip("2001:db8:ff::1").v6();
    const bool v4 = family == IpFamily::kIpv4;
    service.backends = {{"b1", Ip(v4 ? "10.2.0.11" : "2001:db8:2::11"), 100},
                        {"b2", Ip(v4 ? "10.2.0.12" : "2001:db8:2::12"), 100}};
    service.health.kind = HealthConfig::Kind::kTcp;
    config.services.push_back(service);
  }
  return config;
}

}  // namespace flyover::lb
