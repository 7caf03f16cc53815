#include "lb/service/affinity.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "common/net/ip_address.h"

namespace flyover::lb {
namespace {

const HashKey kKey = KeyFromSeed(5, 1);

struct Flow {
  IpAddress source;
  std::array<uint8_t, 4> ports;
  uint64_t hash;

  FlowFacts facts() const { return {hash, source.data(), ports.data(), source.is_v6()}; }
};
Flow From(const char* source, uint16_t sport = 1000, uint16_t dport = 80, uint64_t hash = 1) {
  return {*IpAddress::Parse(source),
          {static_cast<uint8_t>(sport >> 8), static_cast<uint8_t>(sport),
           static_cast<uint8_t>(dport >> 8), static_cast<uint8_t>(dport)},
          hash};
}

AffinityRule Rule(Affinity kind, uint8_t ipv4 = 24, uint8_t ipv6 = 56) {
  ServiceConfig service;
  service.affinity = kind;
  service.affinity_prefix = {ipv4, ipv6};
  return RuleOf(service);
}

struct Case {
  const char* name;
  AffinityRule rule;
  Flow a;
  Flow b;
  bool alike;
};
class AffinityTest : public testing::TestWithParam<Case> {};

TEST_P(AffinityTest, ChoosesBy) {
  const auto& [name, rule, a, b, alike] = GetParam();
  EXPECT_EQ(SliceOf(rule, kKey, a.facts()) == SliceOf(rule, kKey, b.facts()), alike);
  EXPECT_EQ(SliceOf(rule, kKey, a.facts()), SliceOf(rule, kKey, a.facts()));
}

INSTANTIATE_TEST_SUITE_P(
    Rules, AffinityTest,
    testing::ValuesIn<Case>({
        {"FlowsDiffer", Rule(Affinity::kFlow), From("10.0.0.1", 1, 80, 1),
         From("10.0.0.1", 2, 80, 2), false},
        {"FlowIsItsHash", Rule(Affinity::kFlow), From("10.0.0.1", 1, 80, 7),
         From("10.0.0.2", 2, 81, 7), true},
        {"Source4", Rule(Affinity::kSource), From("10.0.0.1", 1, 80, 1),
         From("10.0.0.1", 2, 443, 2), true},
        {"Source6", Rule(Affinity::kSource), From("2001:db8::1", 1, 80, 1),
         From("2001:db8::1", 2, 443, 2), true},
        {"OtherSource4", Rule(Affinity::kSource), From("10.0.0.1"), From("10.0.0.2"), false},
        {"OtherSource6", Rule(Affinity::kSource), From("2001:db8::1"), From("2001:db8::2"), false},
        {"Prefix4", Rule(Affinity::kSourcePrefix), From("10.0.0.1", 1), From("10.0.0.254", 2),
         true},
        {"OtherPrefix4", Rule(Affinity::kSourcePrefix), From("10.0.0.1"), From("10.0.1.1"), false},
        {"Prefix4OddLength", Rule(Affinity::kSourcePrefix, 23), From("10.0.0.1"), From("10.0.1.1"),
         true},
        {"Prefix6", Rule(Affinity::kSourcePrefix), From("2001:db8:0:1::1"),
         From("2001:db8:0:ff::2"), true},
        {"OtherPrefix6", Rule(Affinity::kSourcePrefix), From("2001:db8:0:100::1"),
         From("2001:db8:0:ff::1"), false},
        {"Prefix6OddLength", Rule(Affinity::kSourcePrefix, 24, 61), From("2001:db8:0:8::1"),
         From("2001:db8:0:f::1"), true},
        {"Prefix6OddLengthDiffers", Rule(Affinity::kSourcePrefix, 24, 61), From("2001:db8:0:8::1"),
         From("2001:db8:0:7::1"), false},
        {"SourceAndPort", Rule(Affinity::kSourceAndPort), From("10.0.0.1", 1), From("10.0.0.1", 2),
         true},
        {"SourceAndOtherPort", Rule(Affinity::kSourceAndPort), From("10.0.0.1", 1, 80),
         From("10.0.0.1", 1, 443), false},
        {"SourceAndOtherPort6", Rule(Affinity::kSourceAndPort), From("2001:db8::1", 1, 80),
         From("2001:db8::1", 1, 443), false},
    }),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Affinity, LengthsMeanNothingToOtherRules) {
  EXPECT_EQ(Rule(Affinity::kSource, 8, 8), Rule(Affinity::kSource));
  EXPECT_EQ(Rule(Affinity::kFlow, 8, 8), Rule(Affinity::kFlow));
  EXPECT_NE(Rule(Affinity::kSourcePrefix, 8), Rule(Affinity::kSourcePrefix));
}

// Whole lengths by definition, bit by bit.
TEST(Affinity, OnlyBitsOfThePrefixCount) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (uint8_t length = 1; length <= 128; ++length) {
    const AffinityRule rule = Rule(Affinity::kSourcePrefix, std::min<uint8_t>(length, 32), length);
    for (const bool v6 : {false, true}) {
      const unsigned bits = v6 ? 128 : 32;
      if (length > bits) continue;
      std::array<uint8_t, 16> source{};
      for (uint8_t& byte : source) byte = static_cast<uint8_t>(random());
      const std::array<uint8_t, 4> ports{};
      const uint32_t slice = SliceOf(rule, kKey, {1, source.data(), ports.data(), v6});
      for (unsigned bit = 0; bit < bits; ++bit) {
        std::array<uint8_t, 16> other = source;
        other[bit / 8] = static_cast<uint8_t>(other[bit / 8] ^ 0x80u >> bit % 8);
        EXPECT_EQ(SliceOf(rule, kKey, {1, other.data(), ports.data(), v6}) == slice, bit >= length)
            << int{length} << " " << bit;
      }
    }
  }
}

}  // namespace
}  // namespace flyover::lb
