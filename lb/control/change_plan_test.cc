#include "lb/control/change_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lb/control/service_manager.h"
#include "lb/datapath/lb_lcore.h"

namespace flyover::lb {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

IpAddress Ip(const char* text) { return *IpAddress::Parse(text); }

ServiceConfig Web(IpFamily family, unsigned backends = 4) {
  const bool v4 = family == IpFamily::kIpv4;
  ServiceConfig service;
  service.name = "web";
  service.vips = {Ip(v4 ? "192.0.2.1" : "2001:db8:100::1")};
  service.ports = PortRange::One(80);
  service.forward = ForwardMode::kL2dsr;
  for (unsigned i = 1; i <= backends; ++i) {
    const std::string n = std::to_string(i);
    service.backends.push_back({"web" + n, Ip(((v4 ? "10.2.0." : "2001:db8:2::") + n).c_str())});
  }
  return service;
}

LbConfig Config(std::vector<ServiceConfig> services) {
  LbConfig config;
  config.seed = 11;
  config.services = std::move(services);
  return config;
}

class ChangePlanTest : public testing::TestWithParam<IpFamily> {
 protected:
  ChangePlanTest()
      : lcores_(std::move(MakeLbLcores(1, 4096, KeyFromSeed(11, 1), 1000)).value()),
        manager_(published_, qsbr_, {lcores_[0]->connections.get()}, {&lcores_[0]->counters}) {}

  void Apply(const LbConfig& config) { ASSERT_TRUE(manager_.Apply(config, now_, {}).ok()); }
  ChangePlan Plan(const LbConfig& config) {
    const uint64_t generation = published_.Load()->generation;
    ChangePlan plan = manager_.Plan(config).value();
    EXPECT_EQ(published_.Load()->generation, generation) << "a plan changes nothing";
    return plan;
  }
  // So many remembered flows of a backend.
  void Remember(const std::string& backend, unsigned flows) {
    for (const BackendInfo& info : manager_.Backends()) {
      if (info.name != backend) continue;
      for (unsigned i = 0; i < flows; ++i) {
        lcores_[0]->connections->Insert(Mum(++salt_, 0x9e3779b97f4a7c15ULL), info.id, 1,
                                        published_.Load()->connection_timeouts(),
                                        EntryState::kEstablished);
      }
      return;
    }
    FAIL() << "no backend " << backend;
  }

  QsbrDomain qsbr_{1};
  Published<ServiceTable> published_;
  std::vector<std::unique_ptr<LbLcore>> lcores_;
  ServiceManager manager_;
  ServiceManager::Clock::time_point now_{std::chrono::seconds(1000)};
  uint64_t salt_ = 1;
};
INSTANTIATE_TEST_SUITE_P(Families, ChangePlanTest,
                         testing::Values(IpFamily::kIpv4, IpFamily::kIpv6), [](const auto& row) {
                           return row.param == IpFamily::kIpv4 ? "IPv4" : "IPv6";
                         });

TEST_P(ChangePlanTest, TheSameDocumentChangesNothing) {
  LbConfig config = Config({Web(GetParam())});
  Apply(config);
  std::reverse(config.services[0].backends.begin(), config.services[0].backends.end());
  const ChangePlan plan = Plan(config);
  ASSERT_EQ(plan.services.size(), 1u);
  EXPECT_TRUE(plan.services[0].ChangesNothing());
  EXPECT_EQ(plan.MostMoved(), 0u);
  EXPECT_THAT(plan.endpoints, IsEmpty());
  EXPECT_THAT(plan.vips_added, IsEmpty());
  EXPECT_THAT(plan.vips_removed, IsEmpty());
}

TEST_P(ChangePlanTest, WhatItForetellsHappens) {
  Apply(Config({Web(GetParam(), 4)}));
  const LbConfig next = Config({Web(GetParam(), 5)});
  const ChangePlan plan = Plan(next);
  const ServicePlan& web = plan.services[0];
  EXPECT_EQ(web.change, PlannedChange::kKept);
  EXPECT_EQ(web.backends[4].change, PlannedChange::kAdded);
  EXPECT_EQ(web.backends[4].share_before, 0);
  EXPECT_NEAR(web.backends[4].share_after, 0.2, 0.001);
  EXPECT_NEAR(web.backends[0].share_before, 0.25, 0.001);
  EXPECT_EQ(web.backends[4].slots_gained, web.least);
  EXPECT_NEAR(plan.MostMoved(), 2000, 150);
  EXPECT_EQ(web.share_broken, 0);

  const TableSnapshot before = manager_.Tables();
  Apply(next);
  const std::vector<ServiceMoves> moves = manager_.MovesSince(before);
  ASSERT_EQ(moves.size(), 1u);
  EXPECT_EQ(moves[0].service, "web");
  EXPECT_EQ(moves[0].moved, web.moved);
  EXPECT_EQ(moves[0].least, web.least);
  EXPECT_EQ(moves[0].slots, web.slots);
}

TEST_P(ChangePlanTest, ARemovedBackendBreaksItsFlows) {
  Apply(Config({Web(GetParam())}));
  Remember("web2", 7);
  Remember("web4", 5);
  const ChangePlan plan = Plan(Config({Web(GetParam(), 3)}));
  const ServicePlan& web = plan.services[0];
  ASSERT_EQ(web.backends.size(), 4u);
  EXPECT_EQ(web.backends[3].change, PlannedChange::kRemoved);
  EXPECT_EQ(web.backends[3].flows, 5u);
  EXPECT_EQ(web.backends[1].flows, 7u);
  EXPECT_EQ(web.flows, 12u);
  EXPECT_EQ(web.flows_broken, 5u);
  EXPECT_NEAR(web.share_broken, 0.25, 0.001);
}

// Drained first, a backend leaves without moving or breaking what is not remembered.
TEST_P(ChangePlanTest, ADrainedBackendGoesForNothing) {
  Apply(Config({Web(GetParam())}));
  ASSERT_TRUE(manager_.Drain("web", "web4").ok());
  Remember("web4", 3);
  const ChangePlan plan = Plan(Config({Web(GetParam(), 3)}));
  EXPECT_EQ(plan.services[0].moved, 0u);
  EXPECT_EQ(plan.services[0].share_broken, 0);
  EXPECT_EQ(plan.services[0].flows_broken, 3u);
  EXPECT_FALSE(plan.services[0].ChangesNothing());
  EXPECT_EQ(plan.MostMoved(), 0u);
}

TEST_P(ChangePlanTest, AWeightMovesItsPart) {
  LbConfig config = Config({Web(GetParam())});
  Apply(config);
  config.services[0].backends[0].weight = 110;
  const ChangePlan plan = Plan(config);
  const double expected = 110.0 / 410 - 0.25;
  EXPECT_NEAR(plan.services[0].least / 65'537.0, expected, 0.001);
  EXPECT_GE(plan.services[0].moved, plan.services[0].least);
  EXPECT_LT(plan.MostMoved(), 10'000 * 3 * expected);
}

TEST_P(ChangePlanTest, SlowStartIsForetoldToItsEnd) {
  LbConfig config = Config({Web(GetParam(), 4)});
  config.services[0].slow_start = std::chrono::seconds(60);
  Apply(config);
  config.services[0].backends.push_back(Web(GetParam(), 5).backends[4]);
  EXPECT_NEAR(Plan(config).services[0].backends[4].share_after, 0.2, 0.001);
}

TEST_P(ChangePlanTest, ServicesComeAndGo) {
  Apply(Config({Web(GetParam())}));
  Remember("web1", 2);
  ServiceConfig other = Web(GetParam());
  other.name = "api";
  other.vips = {Ip(GetParam() == IpFamily::kIpv4 ? "192.0.2.9" : "2001:db8:100::9")};
  const ChangePlan plan = Plan(Config({other}));
  ASSERT_EQ(plan.services.size(), 2u);
  EXPECT_EQ(plan.services[0].change, PlannedChange::kAdded);
  EXPECT_EQ(plan.services[0].moved, 0u);
  EXPECT_EQ(plan.services[1].name, "web");
  EXPECT_EQ(plan.services[1].change, PlannedChange::kRemoved);
  EXPECT_EQ(plan.services[1].flows_broken, 2u);
  EXPECT_THAT(plan.vips_added, ElementsAre(other.vips[0]));
  EXPECT_THAT(plan.vips_removed, ElementsAre(Web(GetParam()).vips[0]));
  EXPECT_THAT(plan.vips_announced, IsEmpty()) << "the document has no balancer.announce";
  ASSERT_EQ(plan.endpoints.size(), 2u);
  EXPECT_EQ(plan.MostMoved(), 10'000u);
}

// A renamed service is another one: what is remembered goes, and flows go on where both tables
// agree, which they do.
TEST_P(ChangePlanTest, ARenamedServiceTakesTheEndpointOver) {
  Apply(Config({Web(GetParam())}));
  ServiceConfig renamed = Web(GetParam());
  renamed.name = "www";
  const ChangePlan same = Plan(Config({renamed}));
  ASSERT_EQ(same.endpoints.size(), 1u);
  EXPECT_EQ(same.endpoints[0].before, "web");
  EXPECT_EQ(same.endpoints[0].after, "www");
  EXPECT_EQ(same.endpoints[0].share_broken, 0);
  EXPECT_EQ(same.MostMoved(), 0u);
  EXPECT_THAT(same.vips_removed, IsEmpty());

  renamed.backends.pop_back();
  EXPECT_NEAR(Plan(Config({renamed})).endpoints[0].share_broken, 0.25, 0.02);
}

// A VIP is announced while some service of it that is announced has a backend for new flows.
TEST_P(ChangePlanTest, AnnouncementsAreForetold) {
  const auto vip = ElementsAre(Web(GetParam()).vips[0]);
  LbConfig silent = Config({Web(GetParam())});
  LbConfig config = silent;
  config.announce.emplace();
  Apply(silent);
  EXPECT_THAT(Plan(config).vips_announced, vip);
  EXPECT_THAT(Plan(config).vips_added, IsEmpty());
  Apply(config);
  EXPECT_THAT(Plan(config).vips_announced, IsEmpty());
  EXPECT_THAT(Plan(config).vips_withdrawn, IsEmpty());
  EXPECT_THAT(Plan(silent).vips_withdrawn, vip);

  LbConfig next = config;
  next.services[0].announce = false;
  EXPECT_THAT(Plan(next).vips_withdrawn, vip);
  next = config;
  for (BackendConfig& backend : next.services[0].backends) backend.weight = 0;
  EXPECT_THAT(Plan(next).vips_withdrawn, vip);
  EXPECT_THAT(Plan(next).vips_removed, IsEmpty());
  next.services.push_back(Web(GetParam()));
  next.services[1].name = "tls";
  next.services[1].ports = PortRange::One(443);
  EXPECT_THAT(Plan(next).vips_withdrawn, IsEmpty()) << "another service of the VIP has backends";
  next = config;
  next.services.clear();
  EXPECT_THAT(Plan(next).vips_withdrawn, vip);

  for (const char* backend : {"web1", "web2", "web3", "web4"}) {
    ASSERT_TRUE(manager_.Drain("web", backend).ok());
  }
  EXPECT_THAT(Plan(config).vips_announced, IsEmpty()) << "drains go on";
  next = config;
  next.services[0].backends.push_back(Web(GetParam(), 5).backends[4]);
  EXPECT_THAT(Plan(next).vips_announced, vip);
}

TEST_P(ChangePlanTest, AnotherPortBreaksAll) {
  LbConfig config = Config({Web(GetParam())});
  Apply(config);
  config.services[0].ports = PortRange::One(81);
  const ChangePlan plan = Plan(config);
  ASSERT_EQ(plan.endpoints.size(), 2u);
  EXPECT_EQ(plan.endpoints[0].ports, PortRange::One(80));
  EXPECT_EQ(plan.endpoints[0].after, "");
  EXPECT_EQ(plan.endpoints[0].share_broken, 1);
  EXPECT_EQ(plan.endpoints[1].ports, PortRange::One(81));
  EXPECT_EQ(plan.endpoints[1].share_broken, 0);
  EXPECT_EQ(plan.MostMoved(), 10'000u);
}

TEST_P(ChangePlanTest, FromNothingAndToNothing) {
  Apply(Config({}));
  const ChangePlan first = Plan(Config({Web(GetParam())}));
  EXPECT_EQ(first.MostMoved(), 0u);
  EXPECT_EQ(first.services[0].change, PlannedChange::kAdded);
  Apply(Config({Web(GetParam(), 0)}));
  EXPECT_TRUE(Plan(Config({Web(GetParam(), 0)})).services[0].ChangesNothing());
  // Nobody served these slots, so all of them are taken.
  EXPECT_EQ(Plan(Config({Web(GetParam(), 1)})).MostMoved(), 10'000u);
}

TEST_P(ChangePlanTest, WhatCannotBeAppliedCannotBePlanned) {
  Apply(Config({Web(GetParam())}));
  EXPECT_EQ(manager_.Plan(Config({Web(GetParam()), Web(GetParam())})).status().code(),
            StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace flyover::lb
