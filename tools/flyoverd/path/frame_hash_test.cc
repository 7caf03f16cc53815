#include "tools/flyoverd/path/frame_hash.h"

#include <gtest/gtest.h>
#include <rte_mempool.h>

#include <array>
#include <memory>
#include <set>

#include "common/testing/mbuf_factory.h"
#include "lb/service/flow_slices.h"

namespace flyover {
namespace {

using test::Bytes;
using test::Eth;
using test::Ext6;
using test::Frag6;
using test::Icmp;
using test::Ip4;
using test::Ip6;
using test::Payload;
using test::Tcp;
using test::Udp;
using test::Vlan;

class FrameHashTest : public ::testing::Test {
 protected:
  void SetUp() override {
    pool_ = rte_pktmbuf_pool_create("frames", 255, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    factory_ = std::make_unique<test::MbufFactory>(pool_);
  }
  void TearDown() override {
    factory_.reset();
    rte_mempool_free(pool_);
  }
  // In memory of exactly its size, so that a sanitizer sees what is read beyond it.
  uint32_t Hash(const Bytes& frame, uint16_t cut = 0) {
    rte_mbuf* const m = factory_->Make(frame, {test::Layout::kExternal, cut});
    const uint32_t hash = FrameHash(key_, m);
    rte_pktmbuf_free(m);
    return hash;
  }

  HashKey key_ = KeyFromSeed(1, 3);
  rte_mempool* pool_ = nullptr;
  std::unique_ptr<test::MbufFactory> factory_;
};

const Ip4 kIp4{.src = "10.1.0.2", .dst = "10.9.0.1"};
const Ip6 kIp6{.src = "2001:db8:1::2", .dst = "2001:db8:9::1"};

TEST_F(FrameHashTest, OnlyWhatNamesTheFlowCounts) {
  const uint32_t tcp = Hash(Eth{} / kIp4 / Tcp{});
  EXPECT_EQ(Hash(Eth{.src = {2, 1, 1, 1, 1, 1}} / kIp4 / Tcp{}), tcp);
  Ip4 other = kIp4;
  other.id = 9, other.ttl = 3, other.tos = 7, other.df = true;
  EXPECT_EQ(Hash(Eth{} / other / Tcp{.seq = 99, .flags = 0x18} / Payload(700)), tcp);
  EXPECT_EQ(Hash(Eth{} / Vlan{.id = 0, .priority = 3} / kIp4 / Tcp{}), tcp) << "priority tag";
  Ip4 options = kIp4;
  options.options = {7, 3, 4};
  EXPECT_EQ(Hash(Eth{} / options / Tcp{}), tcp) << "ports are found behind options";
  Ip6 labelled = kIp6;
  labelled.flow = 77, labelled.hlim = 2;
  EXPECT_EQ(Hash(Eth{} / labelled / Udp{} / Payload(3)), Hash(Eth{} / kIp6 / Udp{}));
}

// Else each lcore's flows would know a part of the backends only. Even with one key for both.
TEST_F(FrameHashTest, FlowsOfOneLcoreUseEverySlot) {
  constexpr unsigned kLcores = 8;
  constexpr unsigned kSlots = 251;
  std::array<unsigned, kSlots> flows{};
  unsigned n = 0;
  for (unsigned i = 0; n < 100 * kSlots; ++i) {
    const uint32_t source = 0x0a010000 + i / 1000;
    const uint32_t ports = 80u << 16 | (1024 + i % 1000);
    const uint64_t hash = HashIpv4Flow(key_, source, 0xc0000201, ports, 6);
    if (ReduceHash(static_cast<uint32_t>(hash >> 32), kLcores) != 3) continue;
    ++flows[ReduceHash(lb::MaglevSlice(hash), kSlots)];
    ++n;
  }
  for (const unsigned of_slot : flows) EXPECT_NEAR(of_slot, 100, 50);
}

TEST_F(FrameHashTest, FlowsDiffer) {
  std::set<uint32_t> seen;
  for (uint16_t port = 1; port <= 500; ++port) {
    seen.insert(Hash(Eth{} / kIp4 / Tcp{.sport = port}));
    seen.insert(Hash(Eth{} / kIp4 / Udp{.sport = port}));
    seen.insert(Hash(Eth{} / kIp6 / Tcp{.dport = port}));
  }
  EXPECT_GT(seen.size(), 1498u);
}

TEST_F(FrameHashTest, AllFragmentsOfADatagramMeet) {
  Ip4 fragment = kIp4;
  fragment.proto = 17;
  fragment.mf = true;
  const uint32_t first = Hash(Eth{} / fragment / Udp{} / Payload(64));
  for (uint16_t offset = 1; offset < 50; ++offset) {
    fragment.frag = offset;
    fragment.mf = offset != 49;
    EXPECT_EQ(Hash(Eth{} / fragment / Payload(64u + offset)), first);
  }
  const uint32_t first6 = Hash(Eth{} / kIp6 / Frag6{.more = true} / Udp{} / Payload(64));
  for (uint16_t offset = 1; offset < 50; ++offset) {
    EXPECT_EQ(Hash(Eth{} / kIp6 / Frag6{.offset = offset, .next = 17} / Payload(64)), first6);
  }
  EXPECT_EQ(Hash(Eth{} / kIp6 / Frag6{.more = true} / Ext6{} / Udp{}), first6);
}

TEST_F(FrameHashTest, WhatIsNotIpGoesToOneLcore) {
  EXPECT_EQ(Hash(Eth{.type = 0x0806} / Payload(28)), 0u);
  EXPECT_EQ(Hash(Eth{.type = 0xaaaa} / Payload(46)), 0u);
}

TEST_F(FrameHashTest, ReadsNothingBeyondTheFirstSegment) {
  for (const Bytes& frame : std::vector<Bytes>{
           Eth{} / kIp4 / Tcp{} / Payload(9), Eth{} / kIp6 / Udp{} / Payload(9),
           Eth{} / Vlan{} / kIp4 / Udp{}, Eth{} / Vlan{} / kIp6 / Icmp{.type = 128, .v6 = true},
           Eth{} / Ip4{.src = "1.2.3.4", .dst = "1.2.3.5", .ihl = 15} / Udp{},
           Eth{} / Ip4{.src = "1.2.3.4", .dst = "1.2.3.5", .ihl = 0} / Udp{}}) {
    for (size_t length = 1; length <= frame.size(); ++length) {
      Hash(test::Cut(frame, length));
      Hash(frame, static_cast<uint16_t>(length));
    }
  }
}

}  // namespace
}  // namespace flyover
