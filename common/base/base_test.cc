#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <type_traits>
#include <unordered_set>

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

}  // namespace
}  // namespace flyover
