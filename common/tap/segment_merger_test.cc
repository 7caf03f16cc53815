#include "common/tap/segment_merger.h"

#include <gtest/gtest.h>
#include <rte_mempool.h>

#include <functional>
#include <memory>
#include <vector>

#include "common/testing/mbuf_factory.h"

namespace flyover {
namespace {

using test::Bytes;
using test::Eth;
using test::Ip4;
using test::Ip6;
using test::Tcp;

constexpr uint8_t kAck = 0x10, kPsh = 0x08;

// One segment of a stream; what a row of the table changes in the second of two.
struct Change {
  uint32_t offset = 1000;  // in the stream
  size_t length = 1000;
  uint8_t flags = kAck;
  uint32_t ack = 77;
  uint16_t window = 500;
  uint16_t sport = 40000;
  uint8_t ttl = 64;
  uint8_t tos = 0;
  uint8_t mac = 1;
  Bytes options = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};  // timestamps
  std::function<void(Bytes&)> damage = nullptr;
};

uint8_t StreamByte(uint32_t at) { return static_cast<uint8_t>(at * 7 + at / 251); }

Bytes Segment(bool ipv6, const Change& c) {
  test::Raw data;
  for (size_t i = 0; i < c.length; ++i) {
    data.bytes.push_back(StreamByte(c.offset + static_cast<uint32_t>(i)));
  }
  const Eth ethernet{.dst = {2, 0, 0, 0, 0, c.mac}, .src = {2, 0, 0, 0, 0, 9}};
  const Tcp tcp{.sport = c.sport,
                .dport = 22,
                .seq = 0xffffff00u + c.offset,
                .ack = c.ack,
                .flags = c.flags,
                .window = c.window,
                .options = c.options};
  Bytes frame = ipv6 ? Bytes(ethernet /
                             Ip6{.src = "2001:db8::1",
                                 .dst = "2001:db8::2",
                                 .traffic_class = c.tos,
                                 .hlim = c.ttl} /
                             tcp / data)
                     : Bytes(ethernet /
                             Ip4{.src = "10.0.0.1",
                                 .dst = "10.0.0.2",
                                 .tos = c.tos,
                                 .id = static_cast<uint16_t>(c.offset),
                                 .df = true,
                                 .ttl = c.ttl} /
                             tcp / data);
  if (c.damage) c.damage(frame);
  return frame;
}

class SegmentMergerTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    pool_ = rte_pktmbuf_pool_create("merger", 511, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    factory_ = std::make_unique<test::MbufFactory>(pool_);
  }
  void TearDown() override {
    for (rte_mbuf* const m : packets_) rte_pktmbuf_free(m);
    factory_.reset();
    rte_mempool_free(pool_);
  }
  // In memory of exactly its size, so that a sanitizer sees what is read beyond it.
  bool Add(const Bytes& frame, uint16_t cut = 0) {
    packets_.push_back(factory_->Make(frame, {test::Layout::kExternal, cut}));
    return merger_.Add(packets_.back());
  }
  bool AddSegment(const Change& change) { return Add(Segment(GetParam(), change)); }

  // What would be written, apart into the kernel's header and the frame.
  std::pair<TapHeader, Bytes> Written() {
    TapHeader header;
    Bytes bytes;
    for (const iovec& part : merger_.Frame()) {
      const auto* const p = static_cast<const uint8_t*>(part.iov_base);
      bytes.insert(bytes.end(), p, p + part.iov_len);
    }
    std::memcpy(&header, bytes.data(), sizeof(header));
    bytes.erase(bytes.begin(), bytes.begin() + sizeof(header));
    return {header, bytes};
  }

  rte_mempool* pool_ = nullptr;
  std::unique_ptr<test::MbufFactory> factory_;
  std::vector<rte_mbuf*> packets_;
  SegmentMerger merger_;
};

TEST_P(SegmentMergerTest, JoinsAStreamOverTheEndOfSequenceNumbers) {
  const bool ipv6 = GetParam();
  ASSERT_TRUE(AddSegment({.offset = 0}));
  ASSERT_TRUE(AddSegment({.offset = 1000}));
  ASSERT_TRUE(AddSegment({.offset = 2000, .length = 400, .flags = kAck | kPsh}));
  EXPECT_FALSE(AddSegment({.offset = 2400})) << "behind a pushed segment";
  ASSERT_EQ(merger_.segments(), 3u);
  const auto [header, frame] = Written();

  // As one large segment reads on the wire, but for the checksum that is left to the kernel.
  Bytes whole =
      Segment(ipv6, {.offset = 0, .length = 2400, .flags = kAck | kPsh, .damage = nullptr});
  const size_t tcp = ipv6 ? 54 : 34;
  Bytes pseudo(whole.begin() + (ipv6 ? 22 : 26), whole.begin() + static_cast<ptrdiff_t>(tcp));
  const auto tcp_length = static_cast<uint16_t>(whole.size() - tcp);
  for (const uint16_t word : {uint16_t{6}, tcp_length}) {
    pseudo.push_back(static_cast<uint8_t>(word >> 8));
    pseudo.push_back(static_cast<uint8_t>(word));
  }
  const auto partial = static_cast<uint16_t>(~test::InternetChecksum(pseudo));
  whole[tcp + 16] = static_cast<uint8_t>(partial >> 8);
  whole[tcp + 17] = static_cast<uint8_t>(partial);
  EXPECT_EQ(frame, whole);

  EXPECT_EQ(header.flags, kTapNeedsChecksum);
  EXPECT_EQ(header.gso_type, ipv6 ? kTapTcpIpv6 : kTapTcpIpv4);
  EXPECT_EQ(header.segment_size, 1000);
  EXPECT_EQ(header.header_length, tcp + 32);
  EXPECT_EQ(header.checksum_start, tcp);
  EXPECT_EQ(header.checksum_offset, 16);
}

TEST_P(SegmentMergerTest, WhatDiffersIsNotJoined) {
  const std::vector<std::pair<const char*, Change>> rows = {
      {"Gap", {.offset = 1001}},
      {"Again", {.offset = 0}},
      {"LongerThanTheFirst", {.length = 1001}},
      {"NoData", {.length = 0}},
      {"Fin", {.flags = kAck | 1}},
      {"Syn", {.flags = kAck | 2}},
      {"Rst", {.flags = kAck | 4}},
      {"Urgent", {.flags = kAck | 0x20}},
      {"CongestionWindowReduced", {.flags = kAck | 0x80}},
      {"NoAck", {.flags = 0}},
      {"OtherAcknowledgement", {.ack = 78}},
      {"OtherWindow", {.window = 501}},
      {"OtherConnection", {.sport = 40001}},
      {"OtherTtl", {.ttl = 63}},
      {"CongestionExperienced", {.tos = 3}},
      {"OtherDestinationMac", {.mac = 2}},
      {"OtherTimestamp", {.options = {1, 1, 8, 10, 0, 0, 0, 2, 0, 0, 0, 2}}},
      {"NoOptions", {.options = {}}},
      {"BadChecksum", {.damage = [](Bytes& b) { b.back() ^= 1; }}},
      {"Truncated", {.damage = [](Bytes& b) { b.pop_back(); }}},
      {"OtherEtherType", {.damage = [](Bytes& b) { b[13] ^= 0x20; }}},
  };
  for (const auto& [name, change] : rows) {
    SCOPED_TRACE(name);
    merger_.Clear();
    ASSERT_TRUE(AddSegment({.offset = 0}));
    EXPECT_FALSE(AddSegment(change));
    EXPECT_EQ(merger_.segments(), 1u);
    EXPECT_TRUE(AddSegment({.offset = 1000})) << "the one that follows still does";
  }
}

TEST_P(SegmentMergerTest, PaddingIsNotData) {
  Bytes padded = Segment(GetParam(), {.offset = 10, .length = 4});
  padded.resize(padded.size() + 6, 0xee);
  ASSERT_TRUE(AddSegment({.offset = 0, .length = 10}));
  ASSERT_TRUE(Add(padded));
  EXPECT_EQ(Written().second.size(), Segment(GetParam(), {.length = 14}).size());
}

TEST_P(SegmentMergerTest, EndsAtTheLargestPacket) {
  uint32_t offset = 0;
  while (AddSegment({.offset = offset, .length = 1400})) offset += 1400;
  const auto [header, frame] = Written();
  EXPECT_LE(frame.size(), 14u + 65'535);
  EXPECT_GT(frame.size(), 14u + 65'535 - 1400);
  EXPECT_EQ(merger_.segments(), offset / 1400);

  merger_.Clear();
  offset = 0;
  while (AddSegment({.offset = offset, .length = 100})) offset += 100;
  EXPECT_EQ(merger_.segments(), SegmentMerger::kMaxSegments);
}

TEST_P(SegmentMergerTest, FramesCutAnywhereAreLeftAlone) {
  const Bytes whole = Segment(GetParam(), {.offset = 0, .length = 8});
  for (size_t length = 14; length < whole.size(); ++length) {
    merger_.Clear();
    EXPECT_FALSE(Add(test::Cut(whole, length))) << length;
  }
  EXPECT_FALSE(Add(whole, 40)) << "in several pieces";
  EXPECT_TRUE(Add(whole));
}

INSTANTIATE_TEST_SUITE_P(Families, SegmentMergerTest, testing::Bool(),
                         [](const auto& p) { return p.param ? "Ipv6" : "Ipv4"; });

}  // namespace
}  // namespace flyover
