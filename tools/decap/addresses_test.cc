#include "tools/decap/addresses.h"

#include <gtest/gtest.h>

namespace flyover::decap {
namespace {

TEST(Addresses, RoundTrip) {
  for (const std::string text : {"10.2.0.11", "255.255.255.255", "2001:db8:2::11", "::"}) {
    Result<DecapAddress> address = ParseAddress(text);
    ASSERT_TRUE(address.ok()) << text;
    EXPECT_EQ(FormatAddress(*address), text);
  }
}

TEST(Addresses, Ipv4IsMappedAsTheProgramExpects) {
  Result<DecapAddress> address = ParseAddress("10.2.0.11");
  ASSERT_TRUE(address.ok());
  const DecapAddress want{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 2, 0, 11}};
  EXPECT_EQ(std::string(std::begin(address->bytes), std::end(address->bytes)),
            std::string(std::begin(want.bytes), std::end(want.bytes)));
}

TEST(Addresses, RefusesWhatIsNoAddress) {
  for (const std::string text :
       {"", "10.2.0", "10.2.0.256", "web1", "2001:db8::/64", "fe80::1%eth0"}) {
    EXPECT_EQ(ParseAddress(text).status().code(), StatusCode::kInvalidArgument) << text;
  }
}

TEST(Addresses, PrefixesRoundTripAndLoseTheirHostBits) {
  for (const std::string text : {"10.2.0.11", "203.0.113.0/24", "0.0.0.0/0", "2001:db8::/64",
                                 "2001:db8:2::11", "::/0", "10.2.0.8/31"}) {
    Result<DecapPrefix> prefix = ParsePrefix(text);
    ASSERT_TRUE(prefix.ok()) << text;
    EXPECT_EQ(FormatPrefix(*prefix), text);
  }
  EXPECT_EQ(FormatPrefix(*ParsePrefix("203.0.113.77/26")), "203.0.113.64/26");
  EXPECT_EQ(FormatPrefix(*ParsePrefix("2001:db8::1/127")), "2001:db8::/127");
  EXPECT_EQ(FormatPrefix(*ParsePrefix("10.0.0.1/32")), "10.0.0.1");
  EXPECT_EQ(ParsePrefix("10.0.0.0/8")->length, 104u);
  for (const std::string text : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/a", "10.0.0.0/8/8",
                                 "10.0.0.0/-1", "::/129", "web/24", "/24"}) {
    EXPECT_EQ(ParsePrefix(text).status().code(), StatusCode::kInvalidArgument) << text;
  }
}

TEST(Addresses, LoopbackItselfIsNoVip) {
  const auto addresses = InterfaceAddresses("lo");
  ASSERT_TRUE(addresses.ok());
  for (const InterfaceAddress& found : *addresses) {
    EXPECT_NE(FormatAddress(found.address).substr(0, 4), "127.");
    EXPECT_NE(FormatAddress(found.address), "::1");
  }
}

TEST(Addresses, UnknownInterfaceHasNone) {
  const auto addresses = InterfaceAddresses("no-such-if");
  ASSERT_TRUE(addresses.ok());
  EXPECT_TRUE(addresses->empty());
}

}  // namespace
}  // namespace flyover::decap
