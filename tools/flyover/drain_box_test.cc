#include "tools/flyover/drain_box.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "common/control/results.h"

namespace flyover {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A daemon whose packet count goes through these values, and stays at the last.
class DrainBoxTest : public ::testing::Test {
 protected:
  Status Run(std::vector<uint64_t> packets, const DrainBox& options) {
    return RunDrainBox(
        options,
        [&, at = size_t{0}](const std::string& command) mutable -> Result<nlohmann::json> {
          if (command == "show.vips") return nlohmann::json(VipsResult{.announces = announces_});
          if (command == "show.services") {
            ServiceResult service;
            service.packets = packets[std::min(at++, packets.size() - 1)];
            return nlohmann::json(ServicesResult{{service}});
          }
          asked_.push_back(command);
          return nlohmann::json(BoxResult{true});
        },
        out_, milliseconds(1));
  }

  bool announces_ = true;
  std::vector<std::string> asked_;
  std::ostringstream out_;
};

TEST_F(DrainBoxTest, WaitsForTwoQuietPeriodsThenStops) {
  EXPECT_TRUE(Run({0, 1000, 1900, 1900, 1905, 1905, 1905}, {.stop = true}).ok());
  EXPECT_THAT(asked_, ElementsAre("box.drain", "stop"));
  EXPECT_THAT(out_.str(), HasSubstr("1000000 packets/s to the VIPs\n900000 packets/s"));
}

TEST_F(DrainBoxTest, StopsNothingUnlessTold) {
  EXPECT_TRUE(Run({5, 5}, {}).ok());
  EXPECT_THAT(asked_, ElementsAre("box.drain"));
}

TEST_F(DrainBoxTest, TrafficThatDoesNotEndKeepsTheDaemon) {
  std::vector<uint64_t> packets;
  for (uint64_t i = 0; i < 100'000; ++i) packets.push_back(i * 100);
  const Status status = Run(packets, {.limit = std::chrono::seconds(0), .stop = true});
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("the box stays drained"));
  EXPECT_THAT(asked_, ElementsAre("box.drain"));
}

TEST_F(DrainBoxTest, WithoutAnnouncementsNothingIsDone) {
  announces_ = false;
  EXPECT_EQ(Run({0}, {}).code(), StatusCode::kFailedPrecondition);
  EXPECT_TRUE(asked_.empty());
}

// A backend whose packet count goes through these values, and stays at the last.
Status Wait(std::vector<uint64_t> packets, const WaitForBackend& options) {
  std::ostringstream out;
  return RunWaitForBackend(
      options,
      [&, at = size_t{0}](const std::string&) mutable -> Result<nlohmann::json> {
        BackendResult backend;
        backend.service = "web";
        backend.name = "web1";
        backend.packets = packets[std::min(at++, packets.size() - 1)];
        return nlohmann::json(BackendsResult{{backend}});
      },
      out, milliseconds(1));
}

TEST(WaitForBackend, EndsAfterQuietPeriodsInARow) {
  EXPECT_TRUE(
      Wait({5, 9, 9, 10, 10, 10, 10}, {.service = "web", .backend = "web1", .quiet = 3}).ok());
}

TEST(WaitForBackend, GivesUpAtTheLimit) {
  std::vector<uint64_t> packets;
  for (uint64_t i = 0; i < 100'000; ++i) packets.push_back(i);
  const Status status =
      Wait(packets, {.service = "web", .backend = "web1", .limit = std::chrono::seconds(0)});
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("it stays drained"));
}

TEST(WaitForBackend, SaysWhenItIsGone) {
  EXPECT_EQ(Wait({1}, {.service = "web", .backend = "web2"}).code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace flyover
