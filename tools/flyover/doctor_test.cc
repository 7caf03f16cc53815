#include "tools/flyover/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace flyover {
namespace {

using testing::HasSubstr;

std::vector<lb::Examination> Two() {
  using Kind = lb::Finding::Kind;
  return {{"web", "web1", "ipip to 192.0.2.1", {{Kind::kGood, "answers"}, {Kind::kNote, "a note"}}},
          {"dns", "a\x1b[1m", "l2dsr to 192.0.2.2", {{Kind::kFault, "has not got the VIP"}}}};
}

TEST(Doctor, OneFaultIsEnough) {
  std::vector<lb::Examination> all = Two();
  EXPECT_FALSE(Healthy(all));
  all.pop_back();
  EXPECT_TRUE(Healthy(all));
}

TEST(Doctor, TellsServiceByService) {
  EXPECT_EQ(RenderDoctor(Two()),
            "web: web1, ipip to 192.0.2.1\n"
            "  good   answers\n"
            "  note   a note\n"
            "dns: a?[1m, l2dsr to 192.0.2.2\n"
            "  fault  has not got the VIP\n");
  const nlohmann::json json = DoctorJson(Two());
  EXPECT_EQ(json["healthy"], false);
  EXPECT_EQ(json["services"][0]["healthy"], true);
  EXPECT_EQ(json["services"][1]["findings"][0]["kind"], "fault");
}

TEST(Doctor, DocumentAndAddressAreChecked) {
  EXPECT_THAT(RunDoctor("ports: [", "10.0.0.1").status().message(), HasSubstr("another version"));
  EXPECT_FALSE(RunDoctor("", "web1").ok());
}

}  // namespace
}  // namespace flyover
