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

TEST(Addresses, LoopbackItselfIsNoVip) {
  Result<std::vector<DecapAddress>> addresses = InterfaceAddresses("lo");
  ASSERT_TRUE(addresses.ok());
  for (const DecapAddress& address : *addresses) {
    EXPECT_NE(FormatAddress(address).substr(0, 4), "127.");
    EXPECT_NE(FormatAddress(address), "::1");
  }
}

TEST(Addresses, UnknownInterfaceHasNone) {
  Result<std::vector<DecapAddress>> addresses = InterfaceAddresses("no-such-if");
  ASSERT_TRUE(addresses.ok());
  EXPECT_TRUE(addresses->empty());
}

}  // namespace
}  // namespace flyover::decap
