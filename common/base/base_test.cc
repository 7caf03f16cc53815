#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <type_traits>
#include <unordered_set>

#include "common/base/quantity.h"
#include "common/base/status.h"
#include "common/base/strong_id.h"

namespace flyover {
namespace {

TEST(Status, KeepsCodeAndWords) {
  EXPECT_TRUE(Status().ok());
  EXPECT_TRUE(Status::Ok().ok());
  const Status status(StatusCode::kNotFound, "no such port");
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "no such port");
}

TEST(Status, OfErrnoNamesTheFileAndTheReason) {
  const Status status = ErrnoStatus(StatusCode::kUnavailable, "open /dev/net/tun", ENOENT);
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_EQ(status.message(), "open /dev/net/tun: No such file or directory");
}

TEST(Result, IsAValueOrAReason) {
  Result<std::unique_ptr<int>> good = std::make_unique<int>(7);
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(**good, 7);
  const std::unique_ptr<int> taken = std::move(good).value();
  EXPECT_EQ(*taken, 7);
  const Result<int> bad = Status(StatusCode::kInternal, "broken");
  EXPECT_FALSE(bad.ok());
  EXPECT_EQ(bad.status().message(), "broken");
}

TEST(StrongId, KindsDoNotMix) {
  static_assert(!std::is_convertible_v<int, PortIndex>);
  static_assert(!std::is_convertible_v<PortIndex, LcoreIndex>);
  static_assert(!std::is_convertible_v<PortIndex, uint8_t>);
  EXPECT_LT(PortIndex(1), PortIndex(2));
  EXPECT_EQ(PortIndex(), PortIndex(0));
  const std::unordered_set<PortIndex> set = {PortIndex(1), PortIndex(2), PortIndex(1)};
  EXPECT_EQ(set.size(), 2u);
}

TEST(Quantity, PercentIsExactAndStrict) {
  EXPECT_EQ(ParsePercent("0%"), 0u);
  EXPECT_EQ(ParsePercent("5%"), 500u);
  EXPECT_EQ(ParsePercent("0.25%"), 25u);
  EXPECT_EQ(ParsePercent("2.5%"), 250u);
  EXPECT_EQ(ParsePercent("100%"), 10'000u);
  for (const char* wrong : {"", "%", "5", "-1%", "+1%", "101%", "100.01%", "1.234%", "1.%", ".5%",
                            " 5%", "5 %", "5%%", "0x5%", "1e1%", "4294967297%", "0005%"}) {
    EXPECT_FALSE(ParsePercent(wrong)) << wrong;
  }
  for (const HundredthsOfPercent share : {0u, 1u, 10u, 25u, 100u, 2550u, 10'000u}) {
    EXPECT_EQ(ParsePercent(PercentText(share)), share) << PercentText(share);
  }
}

TEST(Quantity, SecondsNeedAUnit) {
  EXPECT_EQ(ParseSeconds("60s"), std::chrono::seconds(60));
  EXPECT_EQ(ParseSeconds("5m"), std::chrono::seconds(300));
  EXPECT_EQ(ParseSeconds("24h"), std::chrono::seconds(86'400));
  for (const char* wrong :
       {"", "s", "60", "0s", "-1s", "1.5s", "25h", "86401s", "1d", "1ms", " 1s", "9999999999s"}) {
    EXPECT_FALSE(ParseSeconds(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace flyover
