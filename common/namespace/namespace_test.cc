#include "common/namespace/namespace.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <thread>

namespace flyover {
namespace {

TEST(NamespaceTest, NamesBecomePaths) {
  EXPECT_EQ(NamespacePath("blue"), "/run/netns/blue");
  EXPECT_EQ(NamespacePath("/proc/1/ns/net"), "/proc/1/ns/net");
  EXPECT_EQ(NamespacePath("relative/path"), "relative/path");
}

TEST(NamespaceTest, EmptyNameRunsOnTheCallersThread) {
  std::thread::id id;
  ASSERT_TRUE(RunInNamespace("", [&] { id = std::this_thread::get_id(); }).ok());
  EXPECT_EQ(id, std::this_thread::get_id());
}

TEST(NamespaceTest, ResultComesBack) {
  const Result<int> result = InNamespace("", [] { return Result<int>(7); });
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(*result, 7);
}

TEST(NamespaceTest, StatusOfTheWorkComesBack) {
  const Status status =
      InNamespace("", [] { return Status(StatusCode::kNotFound, "no such thing"); });
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "no such thing");
}

TEST(NamespaceTest, UnknownNamespaceIsNamedAndWorkDoesNotRun) {
  bool ran = false;
  const Status status = RunInNamespace("flyover-no-such-namespace", [&] { ran = true; });
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_NE(status.message().find("/run/netns/flyover-no-such-namespace"), std::string::npos);
  EXPECT_FALSE(ran);
}

TEST(NamespaceTest, FileThatIsNoNamespaceIsRefused) {
  bool ran = false;
  EXPECT_FALSE(RunInNamespace("/dev/null", [&] { ran = true; }).ok());
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace flyover
