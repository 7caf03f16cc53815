#include <gtest/gtest.h>

#include <random>
#include <string>

#include "common/net/ip_address.h"
#include "common/net/ip_prefix.h"
#include "common/net/mac_address.h"

namespace flyover {
namespace {

using namespace std::string_view_literals;

TEST(IpAddress, ParsesAndPrintsBothFamilies) {
  for (const char* text : {"0.0.0.0", "10.1.0.2", "255.255.255.255", "::", "::1", "2001:db8::1",
                           "fe80::1", "ff02::1:ff00:1", "::ffff:10.0.0.1"}) {
    const auto address = IpAddress::Parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->ToString(), text);
    EXPECT_EQ(address->is_v6(), std::string(text).find(':') != std::string::npos);
  }
  EXPECT_EQ(IpAddress::Parse("2001:DB8:0:0::1")->ToString(), "2001:db8::1");
  EXPECT_EQ(IpAddress::Parse("10.1.0.2")->v4().value, 0x0a010002u);
}

TEST(IpAddress, RefusesWhatIsNoAddress) {
  for (const std::string_view text : {""sv,
                                      " "sv,
                                      "10.1.0"sv,
                                      "10.1.0.256"sv,
                                      "10.1.0.2.3"sv,
                                      "10.01.0.2"sv,
                                      " 10.1.0.2"sv,
                                      "10.1.0.2 "sv,
                                      "0x0a010002"sv,
                                      "10.1.0.2/24"sv,
                                      ":::"sv,
                                      "1:2:3:4:5:6:7"sv,
                                      "1:2:3:4:5:6:7:8:9"sv,
                                      "fe80::1%eth0"sv,
                                      "g::1"sv,
                                      "12345::"sv,
                                      "[::1]"sv,
                                      "10.1.0.2\0x"sv,
                                      "10.1.0.2\0"sv,
                                      "2001:db8::1\0x"sv,
                                      "\0"sv}) {
    EXPECT_FALSE(IpAddress::Parse(text)) << text;
  }
}

TEST(IpAddress, OrdersAsNumbersDo) {
  EXPECT_LT(*IpAddress::Parse("10.0.0.9"), *IpAddress::Parse("10.0.0.10"));
  EXPECT_LT(*IpAddress::Parse("9.255.255.255"), *IpAddress::Parse("10.0.0.0"));
  EXPECT_LT(*IpAddress::Parse("255.255.255.255"), *IpAddress::Parse("::"));
  EXPECT_LT(*IpAddress::Parse("2001:db8::9"), *IpAddress::Parse("2001:db8::10"));
  EXPECT_NE(*IpAddress::Parse("0.0.0.0"), *IpAddress::Parse("::"));
}

TEST(IpAddress, RandomOnesSurviveTheirText) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    const Ipv4Address v4{static_cast<uint32_t>(random())};
    EXPECT_EQ(Ipv4Address::Parse(v4.ToString()), v4);
    Ipv6Address v6;
    for (uint8_t& b : v6.bytes) b = random() % 3 == 0 ? uint8_t{0} : static_cast<uint8_t>(random());
    EXPECT_EQ(Ipv6Address::Parse(v6.ToString()), v6);
  }
}

TEST(MacAddress, ParsesPairsOnly) {
  const auto mac = MacAddress::Parse("02:00:00:00:00:0c");
  ASSERT_TRUE(mac);
  EXPECT_EQ(mac->bytes[5], 0x0c);
  EXPECT_EQ(mac->ToString(), "02:00:00:00:00:0c");
  EXPECT_EQ(MacAddress::Parse("AA:BB:CC:DD:EE:FF")->ToString(), "aa:bb:cc:dd:ee:ff");
  EXPECT_TRUE(MacAddress::Broadcast().IsBroadcast());
  EXPECT_TRUE(MacAddress::Parse("01:00:5e:00:00:01")->IsMulticast());
  EXPECT_FALSE(mac->IsMulticast());
  for (const std::string_view text :
       {""sv, "02:00:00:00:00"sv, "02:00:00:00:00:0c:01"sv, "02-00-00-00-00-0c"sv,
        "02:00:00:00:00:0g"sv, "2:0:0:0:0:c"sv, "0200.0000.000c"sv, "02:00:00:00:00:-c"sv,
        "02:00:00:00:00: c"sv, "+2:00:00:00:00:0c"sv, "02:00:00:00:00:0c\0"sv}) {
    EXPECT_FALSE(MacAddress::Parse(text)) << text;
  }
}

TEST(IpPrefix, ParsesWhatIsClear) {
  for (const char* text : {"0.0.0.0/0", "10.9.0.0/16", "10.9.0.1/32", "::/0", "2001:db8::/32",
                           "2001:db8::1/128", "2001:db8::2/127"}) {
    const auto prefix = IpPrefix::Parse(text);
    ASSERT_TRUE(prefix) << text;
    EXPECT_EQ(prefix->ToString(), text);
  }
  for (const std::string_view text :
       {""sv, "10.9.0.0"sv, "10.9.0.0/"sv, "10.9.0.0/33"sv, "10.9.0.0/-1"sv, "10.9.0.0/+8"sv,
        "10.9.0.0/016"sv, "10.9.0.0/16 "sv, "10.9.0.0/16x"sv, "10.9.0.1/16"sv, "::/129"sv,
        "2001:db8::1/64"sv, "/16"sv, "10.9.0.0//16"sv, "10.9.0.0/99999999999"sv,
        "10.9.0.0/16\0"sv}) {
    EXPECT_FALSE(IpPrefix::Parse(text)) << text;
  }
}

TEST(IpPrefix, ContainsWhatItsMaskSays) {
  const IpPrefix net = *IpPrefix::Parse("10.9.0.0/17");
  EXPECT_TRUE(net.Contains(*IpAddress::Parse("10.9.127.255")));
  EXPECT_FALSE(net.Contains(*IpAddress::Parse("10.9.128.0")));
  EXPECT_FALSE(net.Contains(*IpAddress::Parse("::")));
  EXPECT_TRUE(net.Contains(*IpPrefix::Parse("10.9.64.0/18")));
  EXPECT_FALSE(net.Contains(*IpPrefix::Parse("10.9.0.0/16")));
  EXPECT_TRUE(IpPrefix::Parse("::/0")->Contains(*IpAddress::Parse("2001:db8::1")));
  EXPECT_FALSE(IpPrefix::Parse("::/0")->Contains(*IpAddress::Parse("10.0.0.1")));
}

// Bit by bit, for every length of both families.
TEST(IpPrefix, MaskKeepsExactlyTheFirstBits) {
  for (const char* text : {"255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
    const IpAddress ones = *IpAddress::Parse(text);
    for (unsigned length = 0; length <= ones.bits(); ++length) {
      const IpAddress masked = MaskAddress(ones, length);
      for (unsigned bit = 0; bit < ones.bits(); ++bit) {
        ASSERT_EQ(masked.data()[bit / 8] >> (7 - bit % 8) & 1, bit < length) << length;
      }
    }
  }
}

TEST(InterfaceAddress, KeepsHostBits) {
  const auto address = InterfaceAddress::Parse("192.0.2.2/30");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->ToString(), "192.0.2.2/30");
  EXPECT_EQ(address->Subnet().ToString(), "192.0.2.0/30");
  EXPECT_FALSE(InterfaceAddress::Parse("192.0.2.2"));
  EXPECT_FALSE(InterfaceAddress::Parse("192.0.2.2/33"));
}

}  // namespace
}  // namespace flyover
