#include "tools/version/version.h"

#include <gtest/gtest.h>

#include <algorithm>

#include <string>

namespace flyover {
namespace {

TEST(Version, IsThreeNumbers) { EXPECT_EQ(std::count(Version().begin(), Version().end(), '.'), 2); }

TEST(Version, CommitIsStamped) {
  const std::string commit(Commit());
  if (commit == "unknown") GTEST_SKIP() << "not built from a git checkout";
  ASSERT_GE(commit.size(), 12u) << commit;
  EXPECT_EQ(commit.substr(0, 12).find_first_not_of("0123456789abcdef"), std::string::npos)
      << commit;
  EXPECT_TRUE(commit.size() == 12 || commit.substr(12) == "-dirty") << commit;
}

}  // namespace
}  // namespace flyover
