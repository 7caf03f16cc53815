#include "common/control/results.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace flyover {
namespace {

using nlohmann::json;

TEST(Results, RoundTripKeepsEveryField) {
  DropsResult drops;
  drops.drops.push_back({"no_route", "no route to the destination", UINT64_MAX, {{"wan", 3}}});
  drops.punts.push_back({"arp", "link", "ARP", 7});
  drops.punt_classes.push_back({"link", "ARP, ND", 20'000, 1});
  const json encoded = drops;
  EXPECT_EQ(encoded["drops"][0]["packets"], UINT64_MAX);
  EXPECT_EQ(encoded["drops"][0]["per_source"]["wan"], 3);
  EXPECT_EQ(json(encoded.get<DropsResult>()), encoded);
}

template <typename T>
void ExpectRoundTrip(const char* type) {
  const json encoded = T{};
  EXPECT_TRUE(encoded.is_object() && !encoded.empty()) << type;
  EXPECT_EQ(json(encoded.get<T>()), encoded) << type;
}

TEST(Results, EveryTypeRoundTripsItsDefaults) {
#define X(Type) ExpectRoundTrip<Type>(#Type);
  FLYOVER_CONTROL_RESULTS(X)
#undef X
}

TEST(Results, UnknownFieldsAreIgnoredAndMissingOnesTakeDefaults) {
  const auto route = json::parse(R"({"prefix":"10.0.0.0/8","colour":"red"})").get<RouteResult>();
  EXPECT_EQ(route.prefix, "10.0.0.0/8");
  EXPECT_TRUE(route.active);
  EXPECT_TRUE(route.nexthops.empty());
}

TEST(Results, LedgerDifferenceIsExact) {
  SourceResult source{.name = "wan",
                      .kind = "port",
                      .rx = 10,
                      .copies = 2,
                      .tx = 7,
                      .punted = 1,
                      .dropped = 3,
                      .buffered = 1};
  EXPECT_EQ(LedgerDifference(source), 0);
  source.dropped = 4;
  EXPECT_EQ(LedgerDifference(source), -1);
  source.rx = UINT64_MAX;
  source.copies = 0;
  source.tx = UINT64_MAX - 5;
  source.punted = source.dropped = source.buffered = 0;
  EXPECT_EQ(LedgerDifference(source), 5);
}

}  // namespace
}  // namespace flyover
