#include "router/fib/fib6.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "router/fib/naive_lpm.h"

namespace flyover::router {
namespace {

IpPrefix P(const std::string& text) { return IpPrefix::Parse(text).value(); }

uint32_t Group(const Fib6& fib, const uint8_t* address) {
  const Ipv6Key key = Ipv6Key::Of(address);
  GroupId out;
  fib.Lookup(&key, &out, 1);
  return out.value();
}

class Fib6Test : public ::testing::Test {
 protected:
  uint32_t Get(const std::string& address) const {
    const Ipv6Address dst = Ipv6Address::Parse(address).value();
    return Group(fib_, dst.bytes.data());
  }
  void Add(const std::string& prefix, uint32_t group) {
    ASSERT_TRUE(fib_.Add(P(prefix), GroupId(group), qsbr_).ok()) << prefix;
  }
  void Remove(const std::string& prefix) {
    ASSERT_TRUE(fib_.Remove(P(prefix), qsbr_).ok()) << prefix;
  }

  QsbrDomain qsbr_{1};
  Fib6 fib_{4096};
};

TEST_F(Fib6Test, LongestWinsAndRemovalGivesTheNextLonger) {
  const std::vector<std::string> nested = {"::/0",
                                           "2000::/3",
                                           "2001:db8::/32",
                                           "2001:db8:1::/48",
                                           "2001:db8:1:2::/64",
                                           "2001:db8:1:2::6/127",
                                           "2001:db8:1:2::7/128"};
  for (size_t i = nested.size(); i-- > 0;) Add(nested[i], static_cast<uint32_t>(i + 1));
  EXPECT_EQ(Get("2001:db8:1:2::7"), 7u);
  EXPECT_EQ(Get("2001:db8:1:2::6"), 6u);
  EXPECT_EQ(Get("2001:db8:1:2::8"), 5u);
  EXPECT_EQ(Get("2001:db8:1:3::8"), 4u);
  EXPECT_EQ(Get("2001:db8:2::"), 3u);
  EXPECT_EQ(Get("2001:db9::"), 2u);
  EXPECT_EQ(Get("4000::"), 1u);
  for (size_t i = nested.size(); i-- > 0;) {
    Remove(nested[i]);
    EXPECT_EQ(Get("2001:db8:1:2::7"), i);
  }
  qsbr_.Reclaim();
  EXPECT_EQ(fib_.nodes_used(), 0u);
  EXPECT_EQ(fib_.values_used(), 0u);
}

TEST_F(Fib6Test, EveryLengthOfOneAddress) {
  const IpAddress address = Ipv6Address::Parse("2a0f:5ca1:dead:beef:1234:5678:9abc:def1").value();
  for (unsigned l = 0; l <= 128; ++l) {
    ASSERT_TRUE(fib_.Add(IpPrefix(address, l), GroupId(l + 1), qsbr_).ok());
  }
  // The last bit of each prefix flipped: what is one shorter matches.
  for (unsigned l = 1; l <= 128; ++l) {
    std::array<uint8_t, 16> flipped = address.bytes();
    flipped[(l - 1) / 8] = static_cast<uint8_t>(flipped[(l - 1) / 8] ^ (0x80u >> ((l - 1) % 8)));
    EXPECT_EQ(Group(fib_, flipped.data()), l) << l;
  }
}

TEST_F(Fib6Test, ExhaustionRefusesAndLeavesTheCoveringRoute) {
  Fib6 small(64);
  ASSERT_TRUE(small.Add(P("2001:db8::/32"), GroupId(1), qsbr_).ok());
  std::vector<IpPrefix> added;
  const auto lookup = [&](const IpPrefix& prefix) { return Group(small, prefix.address().data()); };
  Status status;
  for (unsigned i = 0; i < 64; ++i) {
    const IpPrefix prefix = P("2001:db8:" + std::to_string(i) + "::1/128");
    status = small.Add(prefix, GroupId(2), qsbr_);
    if (!status.ok()) {
      EXPECT_EQ(lookup(prefix), 1u);
      break;
    }
    EXPECT_EQ(lookup(prefix), 2u);
    added.push_back(prefix);
  }
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  // Full, and yet all can be taken out again.
  for (const IpPrefix& prefix : added) {
    ASSERT_TRUE(small.Remove(prefix, qsbr_).ok());
    EXPECT_EQ(lookup(prefix), 1u);
  }
}

TEST_F(Fib6Test, RefusesWhatItCannotHold) {
  EXPECT_EQ(fib_.Add(P("10.0.0.0/8"), GroupId(1), qsbr_).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(fib_.Add(P("::/0"), GroupId(0), qsbr_).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(fib_.Remove(P("::/0"), qsbr_).code(), StatusCode::kNotFound);
  EXPECT_EQ(fib_.Remove(P("2001::/24"), qsbr_).code(), StatusCode::kNotFound);
}

// Random changes and look-ups in a few nested blocks, so that prefixes of all lengths
// cover each other.
TEST(Fib6Model, AgreesWithTheNaiveTable) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::printf("seed %lu\n", seed);
  std::mt19937_64 random(seed);
  QsbrDomain qsbr(1);
  Fib6 fib(1u << 17);
  NaiveLpm model;
  std::vector<IpPrefix> present;

  // Addresses that share a random number of leading bits with one of four others.
  const auto address = [&]() -> Ipv6Address {
    static constexpr uint8_t kFill[4] = {0x00, 0x20, 0xfd, 0xff};
    Ipv6Address a;
    a.bytes.fill(kFill[random() % 4]);
    const size_t from = random() % 17;
    for (size_t i = from; i < 16; ++i) {
      if (random() % 3 == 0) a.bytes[i] = static_cast<uint8_t>(random() % 4 * 85);
    }
    return a;
  };
  std::vector<Ipv6Address> asked;
  const auto check = [&] {
    Ipv6Key keys[Fib6::kMaxBatch];
    GroupId out[Fib6::kMaxBatch];
    for (size_t i = 0; i < asked.size(); ++i) keys[i] = Ipv6Key::Of(asked[i].bytes.data());
    fib.Lookup(keys, out, static_cast<unsigned>(asked.size()));
    for (size_t i = 0; i < asked.size(); ++i) {
      ASSERT_EQ(out[i].value(), model.Lookup(asked[i])) << asked[i].ToString();
    }
  };

  // A change of a prefix costs time in proportion to the tables below it, and here most of them
  // share their first bytes: with more prefixes a long run is spent in little else.
  constexpr size_t kMostPrefixes = 1500;
  const uint64_t operations = OperationCount(400'000);
  for (uint64_t done = 0; done < operations;) {
    const bool grow = (done / 50'000) % 2 == 0;
    const bool add =
        present.empty() || (present.size() < kMostPrefixes && random() % 10 < (grow ? 7u : 4u));
    // Mostly long ones: a short one changes everything below it, which takes its time.
    const unsigned shortest = random() % 32 == 0 ? 0 : 17;
    IpPrefix prefix(address(), shortest + static_cast<unsigned>(random() % (129 - shortest)));
    if (add) {
      const auto group = static_cast<uint32_t>(1 + random() % 1000);
      ASSERT_TRUE(fib.Add(prefix, GroupId(group), qsbr).ok());
      model.Add(prefix, group);
      present.push_back(prefix);
    } else {
      const size_t pick = random() % present.size();
      prefix = present[pick];
      present[pick] = present.back();
      present.pop_back();
      ASSERT_EQ(fib.Remove(prefix, qsbr).ok(), model.Remove(prefix));
    }
    if (done % 16 == 0) qsbr.Reclaim();
    asked.clear();
    for (const IpAddress& a : BoundaryQuartet(prefix)) asked.push_back(a.v6());
    const size_t more = 8 + random() % 48;
    for (size_t i = 0; i < more; ++i) asked.push_back(address());
    ASSERT_NO_FATAL_FAILURE(check());
    done += 1 + static_cast<unsigned>(asked.size());
    ASSERT_EQ(fib.size(), model.size());
  }
  while (!present.empty()) {
    ASSERT_EQ(fib.Remove(present.back(), qsbr).ok(), model.Remove(present.back()));
    present.pop_back();
  }
  asked.clear();
  while (asked.size() < Fib6::kMaxBatch) asked.push_back(address());
  check();
  qsbr.Reclaim();
  EXPECT_EQ(fib.nodes_used(), 0u);
  EXPECT_EQ(fib.values_used(), 0u);
}

}  // namespace
}  // namespace flyover::router
