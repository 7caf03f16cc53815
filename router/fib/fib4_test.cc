#include "router/fib/fib4.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "router/fib/naive_lpm.h"

namespace flyover::router {
namespace {

IpPrefix P(const std::string& text) { return IpPrefix::Parse(text).value(); }

class Fib4Test : public ::testing::Test {
 protected:
  uint32_t Get(const std::string& address) const {
    const uint32_t dst = Ipv4Address::Parse(address)->value;
    GroupId out;
    fib_.Lookup(&dst, &out, 1);
    return out.value();
  }
  void Add(const std::string& prefix, uint32_t group) {
    ASSERT_TRUE(fib_.Add(P(prefix), GroupId(group), qsbr_).ok()) << prefix;
  }
  void Remove(const std::string& prefix) {
    ASSERT_TRUE(fib_.Remove(P(prefix), qsbr_).ok()) << prefix;
  }

  QsbrDomain qsbr_{1};
  Fib4 fib_{4};
};

TEST_F(Fib4Test, EmptyHasNoRoute) { EXPECT_EQ(Get("10.0.0.1"), 0u); }

TEST_F(Fib4Test, LongestWinsAndRemovalGivesTheNextLonger) {
  Add("10.9.0.0/16", 1);
  Add("10.9.1.0/24", 2);
  Add("10.9.1.1/32", 3);
  EXPECT_EQ(Get("10.9.1.1"), 3u);
  EXPECT_EQ(Get("10.9.1.2"), 2u);
  EXPECT_EQ(Get("10.9.2.1"), 1u);
  Remove("10.9.1.1/32");
  EXPECT_EQ(Get("10.9.1.1"), 2u);
  Remove("10.9.1.0/24");
  EXPECT_EQ(Get("10.9.1.1"), 1u);
  Remove("10.9.0.0/16");
  EXPECT_EQ(Get("10.9.1.1"), 0u);
  EXPECT_EQ(fib_.size(), 0u);
}

TEST_F(Fib4Test, ShorterPrefixAddedLaterLeavesLongerOnes) {
  Add("10.9.1.128/25", 2);
  Add("10.9.1.0/24", 3);
  Add("10.0.0.0/8", 1);
  EXPECT_EQ(Get("10.9.1.129"), 2u);
  EXPECT_EQ(Get("10.9.1.1"), 3u);
  EXPECT_EQ(Get("10.1.1.1"), 1u);
  Remove("10.9.1.0/24");
  EXPECT_EQ(Get("10.9.1.129"), 2u);
  EXPECT_EQ(Get("10.9.1.1"), 1u);
}

TEST_F(Fib4Test, DefaultRouteIsWhatRemains) {
  Add("0.0.0.0/0", 7);
  Add("10.0.0.1/32", 1);
  EXPECT_EQ(Get("255.255.255.255"), 7u);
  EXPECT_EQ(Get("0.0.0.0"), 7u);
  EXPECT_EQ(Get("10.0.0.2"), 7u);  // in an extended /24
  EXPECT_EQ(Get("10.0.0.1"), 1u);
  Add("0.0.0.0/0", 8);
  EXPECT_EQ(Get("10.0.0.2"), 8u);
  Remove("0.0.0.0/0");
  EXPECT_EQ(Get("10.0.0.2"), 0u);
  EXPECT_EQ(Get("10.0.0.1"), 1u);
}

TEST_F(Fib4Test, AddReplacesTheGroup) {
  Add("10.0.0.0/30", 1);
  Add("10.0.0.0/30", 2);
  EXPECT_EQ(Get("10.0.0.3"), 2u);
  EXPECT_EQ(fib_.size(), 1u);
  Remove("10.0.0.0/30");
  EXPECT_EQ(Get("10.0.0.3"), 0u);
  qsbr_.Reclaim();
  EXPECT_EQ(fib_.tbl8_groups_used(), 0u);
}

TEST_F(Fib4Test, ExhaustionRefusesAndLeavesTheCoveringRoute) {
  Add("10.0.0.0/8", 1);
  for (unsigned i = 0; i < 4; ++i) Add("10.0." + std::to_string(i) + ".1/32", 2);
  const Status full = fib_.Add(P("10.0.4.1/32"), GroupId(3), qsbr_);
  EXPECT_EQ(full.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(Get("10.0.4.1"), 1u);
  EXPECT_EQ(fib_.size(), 5u);
  EXPECT_EQ(fib_.Remove(P("10.0.4.1/32"), qsbr_).code(), StatusCode::kNotFound);

  Add("10.0.3.7/32", 4);  // a /24 that has its group already
  EXPECT_EQ(Get("10.0.3.7"), 4u);
  Remove("10.0.0.1/32");
  Add("10.0.4.1/32", 3);  // the group of the removed one, after its grace period
  EXPECT_EQ(Get("10.0.4.1"), 3u);
  EXPECT_EQ(Get("10.0.0.1"), 1u);
}

TEST_F(Fib4Test, RefusesWhatItCannotHold) {
  EXPECT_EQ(fib_.Add(P("2001:db8::/32"), GroupId(1), qsbr_).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(fib_.Add(P("10.0.0.0/8"), GroupId(0), qsbr_).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(fib_.Add(P("10.0.0.0/8"), GroupId(1u << 24), qsbr_).code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(fib_.Remove(P("10.0.0.0/8"), qsbr_).code(), StatusCode::kNotFound);
}

// A million random changes and look-ups in a few nested blocks, so that prefixes of all lengths
// cover each other.
TEST(Fib4Model, AgreesWithTheNaiveTable) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::printf("seed %lu\n", seed);
  std::mt19937_64 random(seed);
  QsbrDomain qsbr(1);
  Fib4 fib(1024);
  NaiveLpm model;
  std::vector<IpPrefix> present;

  const auto address = [&]() -> uint32_t {
    const auto r = static_cast<uint32_t>(random());
    switch (random() % 4) {
      case 0:
        return 0x0a090000 | (r & 0x3ff);  // four /24s, densely
      case 1:
        return 0x0a000000 | (r & 0xffffff);
      case 2:
        return 0xffffff00 | (r & 0xff);  // the end of the address space
      default:
        return r;
    }
  };
  const auto length = [&]() -> unsigned {
    const uint64_t r = random();
    // Short ones rewrite millions of entries: seldom.
    if (r % 20'000 == 0) return static_cast<unsigned>(random() % 8);
    if (r % 100 == 0) return static_cast<unsigned>(8 + random() % 8);
    return static_cast<unsigned>(16 + random() % 17);
  };
  std::vector<uint32_t> asked;
  const auto check = [&] {
    GroupId out[Fib4::kMaxBatch];
    fib.Lookup(asked.data(), out, static_cast<unsigned>(asked.size()));
    for (size_t i = 0; i < asked.size(); ++i) {
      ASSERT_EQ(out[i].value(), model.Lookup(Ipv4Address{asked[i]}))
          << Ipv4Address{asked[i]}.ToString();
    }
  };

  const uint64_t operations = OperationCount(1'000'000);
  for (uint64_t done = 0; done < operations;) {
    const bool grow = (done / 50'000) % 2 == 0;
    const bool add = present.empty() || random() % 10 < (grow ? 7u : 4u);
    IpPrefix prefix(Ipv4Address{address()}, length());
    if (add) {
      const auto group = static_cast<uint32_t>(1 + random() % 1000);
      const Status status = fib.Add(prefix, GroupId(group), qsbr);
      if (status.ok()) {
        model.Add(prefix, group);
        present.push_back(prefix);
      } else {
        ASSERT_EQ(status.code(), StatusCode::kResourceExhausted);
      }
    } else {
      const size_t pick = random() % present.size();
      prefix = present[pick];
      present[pick] = present.back();
      present.pop_back();
      ASSERT_EQ(fib.Remove(prefix, qsbr).ok(), model.Remove(prefix));
    }
    asked.clear();
    for (const IpAddress& a : BoundaryQuartet(prefix)) asked.push_back(a.v4().value);
    const size_t more = random() % 8;
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
  while (asked.size() < Fib4::kMaxBatch) asked.push_back(address());
  check();
  qsbr.Reclaim();
  EXPECT_EQ(fib.tbl8_groups_used(), 0u);
}

}  // namespace
}  // namespace flyover::router
