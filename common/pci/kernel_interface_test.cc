#include "common/pci/kernel_interface.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace flyover {
namespace {

using nlohmann::json;

KernelInterface Example() {
  KernelInterface interface;
  interface.name = "enp59s0";
  interface.mac = *MacAddress::Parse("02:00:00:00:00:07");
  interface.mtu = 9000;
  interface.up = true;
  interface.addresses = {*InterfaceAddress::Parse("192.0.2.2/30"),
                         *InterfaceAddress::Parse("2001:db8::2/64")};
  interface.routes = {{.to = *IpPrefix::Parse("0.0.0.0/0"),
                       .via = IpAddress::Parse("192.0.2.1"),
                       .metric = 5,
                       .table = 254,
                       .mtu = 1400,
                       .protocol = 4,
                       .onlink = true},
                      {.to = *IpPrefix::Parse("2001:db8:9::/48"),
                       .via = std::nullopt,
                       .table = 100,
                       .protocol = 3}};
  return interface;
}

TEST(KernelInterface, ItsFileFormHoldsAllOfIt) {
  EXPECT_EQ(InterfaceFromJson(ToJson(Example())), Example());
}

TEST(KernelInterface, ADamagedFileFormGivesNothing) {
  const json good = ToJson(Example());
  for (const auto& [key, value] : good.items()) {
    json without = good;
    without.erase(key);
    EXPECT_FALSE(InterfaceFromJson(without)) << key;
    json other = good;
    other[key] = json::array({json::array()});
    EXPECT_FALSE(InterfaceFromJson(other)) << key;
  }
  json wrong = good;
  wrong["addresses"][0] = "192.0.2.2/33";
  EXPECT_FALSE(InterfaceFromJson(wrong));
  wrong = good;
  wrong["routes"][0]["via"] = "nowhere";
  EXPECT_FALSE(InterfaceFromJson(wrong));
  wrong = good;
  wrong["name"] = "a-name-longer-than-15";
  EXPECT_FALSE(InterfaceFromJson(wrong));
}

TEST(KernelInterface, ReadsTheLoopbackOfThisMachine) {
  const auto lo = ReadInterface("lo");
  ASSERT_TRUE(lo.ok()) << lo.status().message();
  EXPECT_EQ(lo->name, "lo");
  EXPECT_EQ(ReadInterface("no-such").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(RestoreInterface("no-such", Example()).code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace flyover
