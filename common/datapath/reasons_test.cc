#include "common/datapath/reasons.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <string>

namespace flyover {
namespace {

// Labels are values of Prometheus labels and columns of `flyover show`.
void ExpectLabel(std::string_view label, std::set<std::string>& seen) {
  EXPECT_TRUE(seen.insert(std::string(label)).second) << label << " appears twice";
  EXPECT_FALSE(label.empty());
  EXPECT_TRUE(std::all_of(label.begin(), label.end(), [](char c) {
    return std::islower(c) || std::isdigit(c) || c == '_';
  })) << label;
}

TEST(Reasons, EveryDropHasOneLabelAndAHelp) {
  std::set<std::string> seen;
  for (const DropReasonInfo& info : kDropReasons) {
    ExpectLabel(info.label, seen);
    EXPECT_FALSE(info.help.empty()) << info.label;
  }
  EXPECT_EQ(seen.size(), kDropReasonCount);
  EXPECT_EQ(Info(DropReason::kTtlExpired).label, "ttl_expired");
  EXPECT_EQ(Info(DropReason::kShutdown).label, "shutdown");
}

TEST(Reasons, EveryPuntHasALabelAndAClassWithARate) {
  std::set<std::string> seen;
  for (const PuntReasonInfo& info : kPuntReasons) {
    ExpectLabel(info.label, seen);
    EXPECT_FALSE(info.help.empty()) << info.label;
    EXPECT_LT(static_cast<size_t>(info.punt_class), kPuntClassCount);
  }
  seen.clear();
  for (const PuntClassInfo& info : kPuntClasses) {
    ExpectLabel(info.label, seen);
    EXPECT_GT(info.default_rate, 0u);
  }
  EXPECT_EQ(Info(Info(PuntReason::kSsh).punt_class).label, "management");
  EXPECT_EQ(Info(Info(PuntReason::kArp).punt_class).label, "link");
  EXPECT_LT(PuntClass::kLink, PuntClass::kOther) << "the order is the priority";
}

}  // namespace
}  // namespace flyover
