// Capture files made by hand.
#include "tools/flyover_bench/replay.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <fstream>

#include "common/net/checksum.h"
#include "common/net/headers.h"
#include "tools/flyover_bench/traffic.h"

namespace flyover {
namespace {

class ReplayTest : public ::testing::Test {
 protected:
  ~ReplayTest() override { std::remove(file_.c_str()); }
  void Begin(uint32_t link_type) {
    const uint32_t header[6] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65'535, link_type};
    std::ofstream(file_, std::ios::binary)
        .write(reinterpret_cast<const char*>(header), sizeof(header));
  }
  // `length`: what it says of the frame on the wire; 0: what is there.
  void Add(const std::vector<uint8_t>& frame, uint32_t length = 0) {
    const auto captured = static_cast<uint32_t>(frame.size());
    const uint32_t header[4] = {0, 0, captured, length == 0 ? captured : length};
    std::ofstream out(file_, std::ios::binary | std::ios::app);
    out.write(reinterpret_cast<const char*>(header), sizeof(header));
    out.write(reinterpret_cast<const char*>(frame.data()), captured);
  }
  static std::vector<uint8_t> Frame(const char* load, uint64_t seed) {
    const Load& from = *FindLoad(load);
    std::mt19937_64 random(seed);
    Traffic traffic(from, BenchPrefixes(from.ipv6, 10, random), seed);
    std::vector<uint8_t> frame(Traffic::kHeaders);
    frame.resize(traffic.Next(frame.data()));
    return frame;
  }

  const std::string file_ = ::testing::TempDir() + "replay.pcap";
};

TEST_F(ReplayTest, FramesBecomeWhatARouterForwards) {
  Begin(1);
  std::vector<uint8_t> frame = Frame("router-64", 1);
  std::memset(frame.data(), 0x77, 12);
  auto& ip = *reinterpret_cast<Ipv4Header*>(frame.data() + 14);
  ip.ttl = 1;
  ip.checksum = Be16();
  ip.checksum = Checksum(&ip, sizeof(ip));
  Add(frame);
  Add(Frame("router6-64", 1));
  const auto replay = ReadCapture(file_);
  ASSERT_TRUE(replay.ok()) << replay.status().message();
  ASSERT_EQ((*replay)->frames.size(), 2u);
  EXPECT_TRUE((*replay)->ipv4 && (*replay)->ipv6);
  EXPECT_EQ((*replay)->left_out, 0u);
  const std::vector<uint8_t>& first = (*replay)->frames[0];
  EXPECT_EQ(std::memcmp(first.data(), kBenchMac.bytes.data(), 6), 0);
  const auto& sent = *reinterpret_cast<const Ipv4Header*>(first.data() + 14);
  EXPECT_EQ(sent.ttl, 64);
  EXPECT_TRUE(Ipv4ChecksumOk(sent));
  EXPECT_TRUE(std::equal(first.begin() + 26, first.end(), frame.begin() + 26));
}

TEST_F(ReplayTest, WhatNobodyForwardsIsLeftOut) {
  Begin(1);
  const std::vector<uint8_t> good = Frame("router-64", 1);
  Add(good);
  Add(good, 1500);  // cut short
  std::vector<uint8_t> arp(60);
  arp[12] = 8, arp[13] = 6;
  Add(arp);
  std::vector<uint8_t> wrong = good;
  wrong[14 + 10] ^= 0x55;  // its checksum
  Add(wrong);
  Add({1, 2, 3});
  const auto replay = ReadCapture(file_);
  ASSERT_TRUE(replay.ok());
  EXPECT_EQ((*replay)->frames.size(), 1u);
  EXPECT_EQ((*replay)->left_out, 4u);
}

TEST_F(ReplayTest, OtherFilesAreRefusedWithWhatIsAccepted) {
  EXPECT_EQ(ReadCapture("/nonexistent.pcap").status().code(), StatusCode::kInvalidArgument);
  Begin(101);  // RAW
  Add(std::vector<uint8_t>(60));
  EXPECT_EQ(ReadCapture(file_).status().message(),
            file_ + ": link type RAW; accepted: EN10MB (Ethernet)");
  Begin(1);
  Add(std::vector<uint8_t>(60));
  const Status none = ReadCapture(file_).status();
  EXPECT_NE(none.message().find("none of its 1 frames can be forwarded"), std::string::npos)
      << none.message();
}

}  // namespace
}  // namespace flyover
