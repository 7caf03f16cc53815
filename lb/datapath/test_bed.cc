#include "lb/datapath/test_bed.h"

#include <gtest/gtest.h>
#include <rte_eal.h>
#include <rte_mempool.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "common/net/headers.h"
#include "lb/datapath/backend_select.h"
#include "lb/datapath/connection_lookup.h"
#include "lb/datapath/encap.h"
#include "lb/datapath/plain_balance.h"
#include "lb/datapath/service_lookup.h"

namespace flyover::lb {
namespace {

constexpr uint64_t kTscHz = 1'000'000;

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
        if ((LoadBe16(&l3[l4 + 2]) & 0xfff8) != 0) meta.flags |= kLaterFragment;
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
    if ((LoadBe16(&l3[6]) & kIpv4OffsetMask) != 0) meta.flags |= kLaterFragment;
  }
  meta.l4_offset = static_cast<uint16_t>(meta.l3_offset + l4);
  const size_t whole = meta.protocol == kProtoTcp ? sizeof(TcpHeader) : sizeof(UdpHeader);
  const bool has_l4 = meta.protocol == kProtoTcp || meta.protocol == kProtoUdp ||
                      meta.protocol == (v6 ? kProtoIcmpv6 : kProtoIcmp);
  const bool later = (meta.flags & kLaterFragment) != 0;
  if (has_l4 && !later && l4 + whole <= l3.size()) meta.flags |= kL4Valid;
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

TestBed::TestBed(unsigned lcore_count) : TestServices(lcore_count, kTscHz), pool(SharedPool()) {
  StageContext::Options options;
  options.lcore = LcoreIndex(0);
  options.pool = pool;
  options.tsc_hz = kTscHz;
  context = std::make_unique<StageContext>(options);
  context->set_now(1000 * kTscHz);
}

TestBed::~TestBed() {
  Clear();
  EXPECT_EQ(rte_mempool_in_use_count(pool), 0u) << "packets were lost";
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
  PlainBalanceEdges plain;
  if (plain_balance) {
    PlainBalance(*context, lcore, table(), burst, All(), plain);
  } else {
    plain.others = All();
  }
  ServiceEdges service;
  ServiceLookup(*context, lcore, published.Load(), burst, plain.others, service);
  ConnectionEdges connection;
  ConnectionLookup(*context, lcore, table(), burst, service.balance, connection);
  IndexList selected;
  BackendSelect(*context, lcore, table(), burst, connection.miss, selected);
  for (const unsigned i : connection.hit) selected.Add(i);
  IndexList routed = service.route;
  for (const unsigned i : plain.route) routed.Add(i);
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

}  // namespace flyover::lb
