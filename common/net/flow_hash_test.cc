#include "common/net/flow_hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <random>
#include <set>
#include <vector>

namespace flyover {
namespace {

const HashKey kKey = KeyFromSeed(7, 1);

TEST(KeyFromSeed, SeedsAndUsesGiveDifferentKeys) {
  std::set<std::pair<uint64_t, uint64_t>> keys;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    for (uint64_t use = 0; use < 10; ++use) {
      const HashKey key = KeyFromSeed(seed, use);
      EXPECT_EQ(key, KeyFromSeed(seed, use));
      keys.insert({key.a, key.b});
    }
  }
  EXPECT_EQ(keys.size(), 1000u);
}

// A changed bit of the flow changes each bit of the hash half of the times.
TEST(FlowHash, EveryInputBitMovesEveryOutputBit) {
  std::mt19937_64 random(3);
  constexpr int kTrials = 2000;
  constexpr unsigned kInputs = 104;  // source, destination, ports, protocol
  std::vector<std::array<int, 64>> flips(kInputs);
  for (int trial = 0; trial < kTrials; ++trial) {
    std::array<uint32_t, 4> in;
    for (uint32_t& word : in) word = static_cast<uint32_t>(random());
    in[3] &= 0xff;
    const uint64_t before = HashIpv4Flow(kKey, in[0], in[1], in[2], in[3]);
    for (unsigned bit = 0; bit < kInputs; ++bit) {
      std::array<uint32_t, 4> changed = in;
      changed[bit / 32] ^= 1u << bit % 32;
      uint64_t diff = before ^ HashIpv4Flow(kKey, changed[0], changed[1], changed[2], changed[3]);
      for (; diff != 0; diff &= diff - 1) ++flips[bit][static_cast<size_t>(std::countr_zero(diff))];
    }
  }
  for (unsigned bit = 0; bit < kInputs; ++bit) {
    for (unsigned out = 0; out < 64; ++out) {
      EXPECT_NEAR(flips[bit][out], kTrials / 2.0, 6 * std::sqrt(kTrials) / 2) << bit << " " << out;
    }
  }
}

TEST(FlowHash, Ipv6SeesEveryByteOfBothAddresses) {
  std::array<uint8_t, 32> addresses{};
  std::set<uint64_t> seen = {HashIpv6Flow(kKey, addresses.data(), 1, 6)};
  for (uint8_t& byte : addresses) {
    byte = 1;
    EXPECT_TRUE(seen.insert(HashIpv6Flow(kKey, addresses.data(), 1, 6)).second);
    byte = 0;
  }
  EXPECT_TRUE(seen.insert(HashIpv6Flow(kKey, addresses.data(), 2, 6)).second);
  EXPECT_TRUE(seen.insert(HashIpv6Flow(kKey, addresses.data(), 1, 17)).second);
}

// Flows that differ in one small field only (one client, counting ports) spread evenly over any
// number of buckets: chi-square, 4 sigma.
TEST(FlowHash, NeighbouringFlowsSpreadEvenly) {
  for (const uint32_t buckets : {2u, 3u, 4u, 7u, 64u}) {
    std::vector<double> count(buckets);
    constexpr unsigned kFlows = 65'536;
    for (uint32_t port = 0; port < kFlows; ++port) {
      const uint64_t hash = HashIpv4Flow(kKey, 0x0a010002, 0xc0000201, port << 16 | 80, 6);
      ++count[ReduceHash(static_cast<uint32_t>(hash >> 32), buckets)];
    }
    double chi = 0;
    const double expected = double{kFlows} / buckets;
    for (const double n : count) chi += (n - expected) * (n - expected) / expected;
    const double freedom = buckets - 1;
    EXPECT_LT(chi, freedom + 4 * std::sqrt(2 * freedom) + 8) << buckets;
  }
}

TEST(FlowHash, AnotherKeyIsAnotherHash) {
  const HashKey other = KeyFromSeed(8, 1);
  int same = 0;
  for (uint32_t i = 0; i < 4096; ++i) {
    same += HashIpv4Flow(kKey, i, 2, 3, 4) % 4 == HashIpv4Flow(other, i, 2, 3, 4) % 4;
  }
  EXPECT_NEAR(same, 1024, 4 * std::sqrt(4096 * 0.25 * 0.75));
}

TEST(ReduceHash, StaysInRangeAndReachesBothEnds) {
  for (const uint32_t n : {1u, 2u, 3u, 65537u, 0xffffffffu}) {
    EXPECT_EQ(ReduceHash(0, n), 0u);
    EXPECT_EQ(ReduceHash(0xffffffff, n), n - 1);
  }
}

}  // namespace
}  // namespace flyover
