#include "lb/control/service_manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "lb/datapath/lb_lcore.h"

namespace flyover::lb {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

IpAddress Ip(const char* text) { return *IpAddress::Parse(text); }

ServiceConfig Web(std::string name = "web", const char* vip = "192.0.2.1", uint16_t port = 80) {
  ServiceConfig service;
  service.name = std::move(name);
  service.vips = {Ip(vip)};
  service.ports = PortRange::One(port);
  service.source.ipv4 = Ip("10.255.0.1").v4();
  service.backends = {{"web1", Ip("10.2.0.11"), 100},
                      {"web2", Ip("10.2.0.12"), 100},
                      {"web3", Ip("10.2.0.13"), 100}};
  return service;
}

ServiceConfig CheckedWeb() {
  ServiceConfig service = Web();
  service.health.kind = HealthConfig::Kind::kTcp;
  return service;
}

LbConfig Config(std::vector<ServiceConfig> services) {
  LbConfig config;
  config.seed = 11;
  config.services = std::move(services);
  return config;
}

class ServiceManagerTest : public testing::Test {
 protected:
  ServiceManagerTest()
      : lcores_(std::move(MakeLbLcores(1, 1024, KeyFromSeed(11, 1), 1000)).value()),
        manager_(published_, qsbr_, {lcores_[0]->connections.get()}, {&lcores_[0]->counters}) {}

  Status Apply(const LbConfig& config) { return manager_.Apply(config, now_, WallAt(now_)); }
  static ServiceManager::WallTime WallAt(ServiceManager::Clock::time_point t) {
    return ServiceManager::WallTime(
        std::chrono::duration_cast<std::chrono::system_clock::duration>(t.time_since_epoch()));
  }
  BackendInfo Info(const std::string& backend, const std::string& service = "web") {
    for (BackendInfo& info : manager_.Backends()) {
      if (info.name == backend && info.service == service) return info;
    }
    ADD_FAILURE() << "no backend " << backend;
    return {};
  }
  BackendState StateOf(const std::string& backend) {
    return published_.Load()->Backend(Info(backend).id).state;
  }
  void Report(const std::string& backend, HealthState state, const std::string& reason) {
    for (const HealthTarget& target : manager_.HealthTargets()) {
      if (target.address != Info(backend).address) continue;
      const std::vector<HealthEvent> events = {{target, state, reason, WallAt(now_ + seconds(5))}};
      manager_.OnHealthEvents(events);
    }
  }

  QsbrDomain qsbr_{1};
  Published<ServiceTable> published_;
  std::vector<std::unique_ptr<LbLcore>> lcores_;
  ServiceManager manager_;
  ServiceManager::Clock::time_point now_{seconds(1000)};
};

// Its share of new flows falls with its weight; by default nothing but the alarm happens.
TEST_F(ServiceManagerTest, ABackendThatSwallowsConnectionsKeepsTheWeightThatTheServiceLeavesIt) {
  LbConfig config = Config({Web(), Web("other", "192.0.2.9")});
  config.services[0].swallow_weight = 20;
  ASSERT_TRUE(Apply(config).ok());
  const auto watch = [&](int ticks, bool swallows) {
    for (int i = 0; i < ticks; ++i) {
      for (const BackendInfo& info : manager_.Backends()) {
        HandshakeCounters& counters = lcores_[0]->counters.handshakes(info.id);
        const bool silent = swallows && info.name == "web2";
        (silent ? counters.unanswered : counters.answers[2]).Add(10);
      }
      now_ += seconds(5);
      manager_.Tick(now_);
    }
  };
  watch(3, false);
  EXPECT_EQ(Info("web2").effective_weight, 100);
  watch(8, true);
  EXPECT_TRUE(Info("web2").swallows);
  EXPECT_EQ(Info("web2").effective_weight, 20);
  EXPECT_NEAR(Info("web2").share, 20.0 / 220, 0.01);
  EXPECT_EQ(Info("web1").effective_weight, 100);
  EXPECT_TRUE(Info("web2", "other").swallows);
  EXPECT_EQ(Info("web2", "other").effective_weight, 100);
  // A plan leaves it as it is, and a reload too.
  EXPECT_TRUE(manager_.Plan(config).value().services[0].ChangesNothing());
  ASSERT_TRUE(Apply(config).ok());
  EXPECT_EQ(Info("web2").effective_weight, 20);
  watch(12, false);
  EXPECT_FALSE(Info("web2").swallows);
  EXPECT_EQ(Info("web2").effective_weight, 100);
}

TEST_F(ServiceManagerTest, BuildsWhatTheDocumentSays) {
  ServiceConfig udp = Web("dns", "192.0.2.1", 53);
  udp.protocol = Protocol::kUdp;
  udp.forward = ForwardMode::kL2dsr;
  udp.vips.push_back(Ip("2001:db8::53"));
  ASSERT_TRUE(Apply(Config({Web(), udp})).ok());

  const ServiceTable& table = *published_.Load();
  const auto vip = table.vips.Find(Ip("192.0.2.1"));
  const ServiceId web = table.vips.FindService(vip, 6, 80);
  const ServiceId dns = table.vips.FindService(vip, 17, 53);
  EXPECT_EQ(table.vips.FindService(table.vips.Find(Ip("2001:db8::53")), 17, 53), dns);
  EXPECT_EQ(table.Service(web).name, "web");
  EXPECT_EQ(table.Service(web).timeout, 300);
  EXPECT_EQ(table.Service(dns).timeout, 30);
  EXPECT_EQ(table.longest_timeout, 300);
  EXPECT_EQ(table.Service(web).pool.size(), 3u);
  for (const BackendId id : table.Service(web).pool) {
    EXPECT_EQ(table.Backend(id).service, web);
    EXPECT_EQ(table.Backend(id).state, BackendState::kActive);
    EXPECT_EQ(table.Backend(id).outer_length, 20);
    EXPECT_EQ(table.timeouts[id.value()], 300);
  }
  EXPECT_EQ(table.Backend(table.Service(dns).pool[0]).outer_length, 0);
  // One pool, one table; but each service's backends are its own.
  EXPECT_EQ(table.Service(web).maglev, table.Service(dns).maglev);
  EXPECT_NE(table.Service(web).pool, table.Service(dns).pool);
  EXPECT_THAT(manager_.Vips(), ElementsAre(Ip("192.0.2.1"), Ip("2001:db8::53")));
  EXPECT_NEAR(Info("web2").share, 1 / 3.0, 0.001);
  EXPECT_EQ(Info("web2").health, BackendHealth::kUnchecked);
  EXPECT_EQ(manager_.NameOf(Info("web2").id), (std::pair<std::string, std::string>("web", "web2")));
  EXPECT_EQ(manager_.NameOf(BackendId(999)), std::nullopt);
}

// Otherwise a check of the backend's own address passes where clients' packets are lost.
TEST_F(ServiceManagerTest, ProbesAsAClientGoTheServicesWay) {
  ServiceConfig web = CheckedWeb();
  web.health.as_client = true;
  web.vips = {Ip("2001:db8::80"), Ip("192.0.2.1")};
  ASSERT_TRUE(Apply(Config({web})).ok());
  for (const HealthTarget& target : manager_.HealthTargets()) {
    ASSERT_TRUE(target.way);
    EXPECT_EQ(target.Peer(), Ip("2001:db8::80"));  // a tunnel carries either family
    EXPECT_EQ(target.way->forward, ForwardMode::kIpip);
    EXPECT_TRUE(target.way->source);
    EXPECT_EQ(target.way->source->family(), target.address.family());
  }
  web.forward = ForwardMode::kL2dsr;
  ASSERT_TRUE(Apply(Config({web})).ok());
  EXPECT_EQ(manager_.HealthTargets()[0].Peer(), Ip("192.0.2.1"));
  web.health.as_client = false;
  ASSERT_TRUE(Apply(Config({web})).ok());
  EXPECT_EQ(manager_.HealthTargets()[0].Peer(), manager_.HealthTargets()[0].address);
}

TEST_F(ServiceManagerTest, WeightsDecideShares) {
  ServiceConfig web = Web();
  web.backends[0].weight = 50;
  web.backends[2].weight = 0;
  ASSERT_TRUE(Apply(Config({web})).ok());
  EXPECT_NEAR(Info("web1").share, 1 / 3.0, 0.001);
  EXPECT_NEAR(Info("web2").share, 2 / 3.0, 0.001);
  EXPECT_EQ(Info("web3").share, 0);
  EXPECT_EQ(StateOf("web3"), BackendState::kDrained);
}

TEST_F(ServiceManagerTest, DownTakesItsShareAwayAndUpGivesItBack) {
  ASSERT_TRUE(Apply(Config({CheckedWeb()})).ok());
  EXPECT_EQ(manager_.HealthTargets().size(), 3u);
  EXPECT_EQ(Info("web1").health, BackendHealth::kUnknown);
  EXPECT_EQ(StateOf("web1"), BackendState::kActive);
  const uint64_t digest = manager_.Services()[0].table_digest;
  const uint64_t generation = published_.Load()->generation;

  Report("web1", HealthState::kUp, "connected");
  EXPECT_EQ(Info("web1").health, BackendHealth::kUp);
  EXPECT_EQ(published_.Load()->generation, generation);  // nothing that lcores use has changed

  Report("web1", HealthState::kDown, "connection refused");
  EXPECT_EQ(StateOf("web1"), BackendState::kDown);
  EXPECT_EQ(Info("web1").health, BackendHealth::kDown);
  EXPECT_EQ(Info("web1").reason, "connection refused");
  EXPECT_EQ(Info("web1").since, WallAt(now_ + seconds(5)));
  EXPECT_EQ(Info("web1").effective_weight, 0);
  EXPECT_EQ(Info("web1").weight, 100);
  EXPECT_EQ(Info("web1").share, 0);
  EXPECT_NEAR(Info("web2").share, 0.5, 0.001);
  EXPECT_EQ(manager_.Services()[0].backends_up, 2u);

  Report("web1", HealthState::kUp, "connected");
  EXPECT_EQ(StateOf("web1"), BackendState::kActive);
  EXPECT_EQ(manager_.Services()[0].table_digest, digest);
}

TEST_F(ServiceManagerTest, AllDownLeavesNobody) {
  ASSERT_TRUE(Apply(Config({CheckedWeb()})).ok());
  for (const char* backend : {"web1", "web2", "web3"}) {
    Report(backend, HealthState::kDown, "timed out");
  }
  EXPECT_TRUE(published_.Load()->services[0].maglev->empty());
  EXPECT_EQ(manager_.Services()[0].backends_up, 0u);
}

TEST_F(ServiceManagerTest, AllDownMayFailOpen) {
  ServiceConfig web = CheckedWeb();
  web.fail_open = true;
  ASSERT_TRUE(Apply(Config({web})).ok());
  const uint64_t digest = manager_.Services()[0].table_digest;
  for (const char* backend : {"web1", "web2", "web3"}) {
    Report(backend, HealthState::kDown, "timed out");
  }
  EXPECT_EQ(manager_.Services()[0].table_digest, digest);
  EXPECT_EQ(manager_.Services()[0].backends_up, 0u);
  EXPECT_EQ(Info("web1").health, BackendHealth::kDown);
  EXPECT_EQ(Info("web1").effective_weight, 100);
  EXPECT_EQ(StateOf("web1"), BackendState::kActive);
  Report("web3", HealthState::kUp, "connected");
  EXPECT_EQ(StateOf("web1"), BackendState::kDown);
  EXPECT_EQ(Info("web3").share, 1);
}

TEST_F(ServiceManagerTest, ASpareStepsInAndOutAgain) {
  ServiceConfig web = CheckedWeb();
  web.backends[2].priority = 1;
  web.min_up = 2;
  ASSERT_TRUE(Apply(Config({web})).ok());
  EXPECT_EQ(Info("web3").share, 0);
  EXPECT_EQ(StateOf("web3"), BackendState::kDrained);
  Report("web1", HealthState::kDown, "gone");
  EXPECT_NEAR(Info("web3").share, 0.5, 0.001);
  Report("web1", HealthState::kUp, "connected");
  EXPECT_EQ(Info("web3").share, 0);
}

TEST_F(ServiceManagerTest, SlowStartGivesTheWeightBackInSteps) {
  ServiceConfig web = CheckedWeb();
  web.slow_start = seconds(20);
  ASSERT_TRUE(Apply(Config({web})).ok());
  EXPECT_EQ(Info("web1").effective_weight, 100) << "a service that starts needs none";
  Report("web1", HealthState::kDown, "gone");
  Report("web1", HealthState::kUp, "connected");
  EXPECT_EQ(Info("web1").effective_weight, 10);
  const auto after = [&](int passed) {
    manager_.Tick(now_ + seconds(passed));
    return Info("web1").effective_weight;
  };
  EXPECT_EQ(after(5), 20);
  EXPECT_EQ(after(10), 50);
  EXPECT_EQ(after(19), 90);
  EXPECT_EQ(after(20), 100);
  const uint64_t generation = published_.Load()->generation;
  EXPECT_EQ(after(21), 100);
  EXPECT_EQ(published_.Load()->generation, generation);

  now_ += seconds(30);
  web.backends.push_back({"web4", Ip("10.2.0.14"), 100});
  ASSERT_TRUE(Apply(Config({web})).ok());
  EXPECT_EQ(Info("web4").effective_weight, 10) << "joins a running service";
  EXPECT_EQ(Info("web1").effective_weight, 100);
  ASSERT_TRUE(manager_.Drain("web", "web2").ok());
  ASSERT_TRUE(manager_.Enable("web", "web2").ok());
  EXPECT_EQ(Info("web2").effective_weight, 10);
}

TEST_F(ServiceManagerTest, HealthSurvivesAReloadThatKeepsTheCheck) {
  ASSERT_TRUE(Apply(Config({CheckedWeb()})).ok());
  Report("web1", HealthState::kDown, "timed out");
  ServiceConfig more = CheckedWeb();
  more.backends.push_back({"web4", Ip("10.2.0.14"), 100});
  ASSERT_TRUE(Apply(Config({more})).ok());
  EXPECT_EQ(StateOf("web1"), BackendState::kDown);
  more.health.fall = 7;  // another check: it has no verdict yet
  ASSERT_TRUE(Apply(Config({more})).ok());
  EXPECT_EQ(StateOf("web1"), BackendState::kActive);
}

TEST_F(ServiceManagerTest, EqualChecksAreShared) {
  ServiceConfig other = CheckedWeb();
  other.name = "other";
  other.vips = {Ip("192.0.2.2")};
  ASSERT_TRUE(Apply(Config({CheckedWeb(), other})).ok());
  EXPECT_EQ(manager_.HealthTargets().size(), 3u);
  Report("web1", HealthState::kDown, "timed out");
  EXPECT_EQ(Info("web1", "other").health, BackendHealth::kDown);
  other.health.port = 8080;
  ASSERT_TRUE(Apply(Config({CheckedWeb(), other})).ok());
  EXPECT_EQ(manager_.HealthTargets().size(), 6u);
}

TEST_F(ServiceManagerTest, DrainAndEnable) {
  ASSERT_TRUE(Apply(Config({Web()})).ok());
  ASSERT_TRUE(manager_.Drain("web", "web2").ok());
  EXPECT_EQ(StateOf("web2"), BackendState::kDrained);
  EXPECT_TRUE(Info("web2").drained);
  EXPECT_EQ(Info("web2").share, 0);
  ServiceConfig changed = Web();
  changed.backends[1].weight = 10;
  ASSERT_TRUE(Apply(Config({changed})).ok());  // a command outlives a reload
  EXPECT_EQ(StateOf("web2"), BackendState::kDrained);
  ASSERT_TRUE(manager_.Enable("web", "web2").ok());
  EXPECT_EQ(StateOf("web2"), BackendState::kActive);
  EXPECT_EQ(Info("web2").effective_weight, 10);
}

TEST_F(ServiceManagerTest, WeightByCommandEndsWithANewWeightInTheDocument) {
  ASSERT_TRUE(Apply(Config({Web()})).ok());
  ASSERT_TRUE(manager_.SetWeight("web", "web2", 300).ok());
  EXPECT_NEAR(Info("web2").share, 0.6, 0.001);
  ASSERT_TRUE(Apply(Config({Web()})).ok());
  EXPECT_EQ(Info("web2").weight_by_command, 300);
  ServiceConfig changed = Web();
  changed.backends[1].weight = 50;
  ASSERT_TRUE(Apply(Config({changed})).ok());
  EXPECT_EQ(Info("web2").weight_by_command, std::nullopt);
  EXPECT_EQ(Info("web2").effective_weight, 50);

  ASSERT_TRUE(manager_.SetWeight("web", "web2", 0).ok());
  EXPECT_EQ(StateOf("web2"), BackendState::kDrained);
  EXPECT_EQ(manager_.Enable("web", "web2").code(), StatusCode::kFailedPrecondition);
}

TEST_F(ServiceManagerTest, CommandsNameWhatThereIs) {
  ASSERT_TRUE(Apply(Config({Web()})).ok());
  EXPECT_THAT(manager_.Drain("wbe", "web1").message(), HasSubstr("there are: web"));
  const Status status = manager_.Drain("web", "web9");
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("web1, web2, web3"));
}

TEST_F(ServiceManagerTest, OverrideEndsWithItsBackend) {
  ASSERT_TRUE(Apply(Config({Web()})).ok());
  ASSERT_TRUE(manager_.Drain("web", "web2").ok());
  ServiceConfig without = Web();
  without.backends.erase(without.backends.begin() + 1);
  ASSERT_TRUE(Apply(Config({without})).ok());
  ASSERT_TRUE(Apply(Config({Web()})).ok());
  EXPECT_FALSE(Info("web2").drained);
}

TEST_F(ServiceManagerTest, IdsAreStableAndNotReusedTooSoon) {
  ASSERT_TRUE(Apply(Config({Web()})).ok());
  const BackendId web2 = Info("web2").id;
  const BackendId web3 = Info("web3").id;

  ServiceConfig renamed =
      Web();  // other order and name, another weight: the address is what counts
  renamed.backends = {{"b3", Ip("10.2.0.13"), 5}, {"new", Ip("10.2.0.99"), 100}};
  ASSERT_TRUE(Apply(Config({renamed})).ok());
  EXPECT_EQ(Info("b3").id, web3);
  EXPECT_EQ(published_.Load()->Backend(web2).state, BackendState::kAbsent);
  EXPECT_EQ(published_.Load()->timeouts[web2.value()], 300);
  EXPECT_NE(Info("new").id, web2);
  EXPECT_EQ(manager_.retired_ids(), 2u);

  ASSERT_TRUE(Apply(Config({Web()})).ok());  // back in time
  EXPECT_EQ(Info("web2").id, web2);
  ASSERT_TRUE(Apply(Config({renamed})).ok());

  const auto sweep = [&](unsigned times) {
    ConnectionTable& table = *lcores_[0]->connections;
    table.Sweep(static_cast<unsigned>(table.capacity() / ConnectionShard::kWays) * times, 5000,
                published_.Load()->connection_timeouts());
  };
  sweep(5);
  manager_.Tick(now_ + seconds(299));
  sweep(5);
  manager_.Tick(now_ + seconds(299));
  EXPECT_EQ(manager_.retired_ids(), 2u);
  manager_.Tick(now_ + seconds(310));
  sweep(1);
  manager_.Tick(now_ + seconds(310));
  EXPECT_EQ(manager_.retired_ids(), 2u);
  sweep(1);
  manager_.Tick(now_ + seconds(310));
  EXPECT_EQ(manager_.retired_ids(), 0u);
}

TEST_F(ServiceManagerTest, TablesBeforeAChangeAreKeptForTheWindow) {
  const auto kept = [&] { return published_.Load()->services[0].previous.size(); };
  LbConfig config = Config({Web()});
  config.connections.change_window = seconds(20);
  ASSERT_TRUE(Apply(config).ok());
  const auto first = published_.Load()->services[0].maglev;
  EXPECT_EQ(kept(), 0u);
  std::swap(config.services[0].backends[0], config.services[0].backends[1]);
  ASSERT_TRUE(Apply(config).ok());
  EXPECT_EQ(kept(), 0u) << "nothing that matters has changed";

  ASSERT_TRUE(manager_.Drain("web", "web1").ok());
  ASSERT_EQ(kept(), 1u);
  EXPECT_EQ(published_.Load()->services[0].previous[0].maglev, first);
  now_ += seconds(15);
  manager_.Tick(now_);
  ASSERT_TRUE(manager_.SetWeight("web", "web2", 50).ok());
  EXPECT_EQ(kept(), 2u);
  now_ += seconds(10);
  manager_.Tick(now_);
  EXPECT_EQ(kept(), 1u) << "the first one's time is over";
  now_ += seconds(15);
  manager_.Tick(now_);
  EXPECT_EQ(kept(), 0u);
}

TEST_F(ServiceManagerTest, ATableThatComesAndGoesIsKeptOnce) {
  ASSERT_TRUE(Apply(Config({CheckedWeb()})).ok());
  for (int flap = 0; flap < 20; ++flap) {
    Report("web1", HealthState::kDown, "refused");
    Report("web1", HealthState::kUp, "connected");
  }
  EXPECT_EQ(manager_.Services()[0].kept_tables, 2u);
  for (const char* backend : {"web1", "web2", "web3"}) Report(backend, HealthState::kDown, "gone");
  Report("web1", HealthState::kUp, "connected");
  for (const PoolTable& kept : published_.Load()->services[0].previous) {
    EXPECT_FALSE(kept.maglev->empty());
  }
}

TEST_F(ServiceManagerTest, KeptTablesAreBounded) {
  ASSERT_TRUE(Apply(Config({Web()})).ok());
  for (uint16_t weight = 1; weight <= 80; ++weight) {
    ASSERT_TRUE(manager_.SetWeight("web", "web1", weight).ok());
  }
  EXPECT_EQ(manager_.Services()[0].kept_tables, ServiceManager::kMostKeptTables);
}

TEST_F(ServiceManagerTest, AnIdIsNotGivenAwayWhileAKeptTableNamesIt) {
  LbConfig config = Config({Web()});
  config.connections.change_window = seconds(3600);
  ASSERT_TRUE(Apply(config).ok());
  config.services[0].backends.pop_back();
  ASSERT_TRUE(Apply(config).ok());
  ConnectionTable& table = *lcores_[0]->connections;
  for (int after = 0; after <= 3600; after += 100) {
    manager_.Tick(now_ + seconds(after));
    table.Sweep(static_cast<unsigned>(table.capacity() / ConnectionShard::kWays) * 3, 5000,
                published_.Load()->connection_timeouts());
    EXPECT_EQ(manager_.retired_ids(), 1u);
  }
  now_ += seconds(3610);
  for (int round = 0; round < 2; ++round) {
    manager_.Tick(now_);
    table.Sweep(static_cast<unsigned>(table.capacity() / ConnectionShard::kWays) * 3, 5000,
                published_.Load()->connection_timeouts());
  }
  manager_.Tick(now_);
  EXPECT_EQ(manager_.retired_ids(), 0u);
  EXPECT_EQ(manager_.Services()[0].kept_tables, 0u);
}

// FLYOVER_MANY_SERVICES=10000 for the count that the documentation promises.
TEST_F(ServiceManagerTest, ManyServicesShareFewTables) {
  const char* const wanted = std::getenv("FLYOVER_MANY_SERVICES");
  const int count = wanted != nullptr ? std::atoi(wanted) : 1000;
  std::vector<ServiceConfig> services;
  for (int i = 0; i < count; ++i) {
    ServiceConfig service = Web("s" + std::to_string(i));
    service.ports = PortRange::One(static_cast<uint16_t>(1 + i));
    service.backends[0].weight = static_cast<uint16_t>(100 + i % 10);  // ten different pools
    services.push_back(std::move(service));
  }
  ASSERT_TRUE(Apply(Config(std::move(services))).ok());
  EXPECT_EQ(manager_.Services().size(), static_cast<size_t>(count));
  EXPECT_LT(manager_.table_memory_bytes(), 10u * 140'000);
}

TEST_F(ServiceManagerTest, TheDocumentDecidesTheTablesSize) {
  ServiceConfig small = Web("small");
  small.table_size = 4093;
  ServiceConfig web = Web("web", "192.0.2.2");
  ASSERT_TRUE(Apply(Config({small, web})).ok());
  EXPECT_EQ(manager_.Services()[0].table_size, 4093u);
  EXPECT_EQ(manager_.Services()[1].table_size, 65'537u);
  EXPECT_NE(manager_.Services()[0].table_digest, manager_.Services()[1].table_digest);
  EXPECT_NEAR(Info("web2", "small").share, 1 / 3.0, 0.001);
}

TEST_F(ServiceManagerTest, CountersStartAnewWithTheirOwner) {
  ASSERT_TRUE(Apply(Config({Web()})).ok());
  const ServiceId web = manager_.Services()[0].id;
  lcores_[0]->counters.service(web).packets.Add(5);
  lcores_[0]->counters.backend(Info("web1").id).packets.Add(4);
  EXPECT_EQ(manager_.Services()[0].totals.packets, 5u);
  EXPECT_EQ(Info("web1").totals.packets, 4u);

  ServiceConfig other = Web("other");
  ASSERT_TRUE(Apply(Config({other})).ok());
  ServiceConfig third = Web("third");
  ASSERT_TRUE(Apply(Config({third})).ok());
  EXPECT_EQ(manager_.Services()[0].id, web);  // its id went from hand to hand
  EXPECT_EQ(manager_.Services()[0].totals.packets, 0u);
  lcores_[0]->counters.service(web).packets.Add(2);
  EXPECT_EQ(manager_.Services()[0].totals.packets, 2u);
}

TEST_F(ServiceManagerTest, RefusalChangesNothing) {
  ASSERT_TRUE(Apply(Config({Web()})).ok());
  const ServiceTable* const before = published_.Load();

  ServiceConfig v6_backend = Web();
  v6_backend.backends.push_back({"six", Ip("2001:db8::11"), 100});
  const Status no_source = Apply(Config({v6_backend}));
  EXPECT_EQ(no_source.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(no_source.message(), HasSubstr("source.ipv6"));

  ServiceConfig twin = Web();
  twin.backends.push_back({"again", Ip("10.2.0.11"), 100});
  EXPECT_THAT(Apply(Config({twin})).message(), HasSubstr("10.2.0.11"));

  EXPECT_THAT(Apply(Config({Web("a"), Web("b")})).message(), HasSubstr("another service"));
  EXPECT_FALSE(Apply(Config({Web("a"), Web("a", "192.0.2.9")})).ok());

  EXPECT_EQ(published_.Load(), before);
  EXPECT_EQ(manager_.Services().size(), 1u);
  EXPECT_EQ(manager_.retired_ids(), 0u);
}

TEST_F(ServiceManagerTest, EmptyDocumentEmptiesTheTable) {
  EXPECT_TRUE(manager_.Vips().empty());
  ASSERT_TRUE(Apply(Config({Web()})).ok());
  ASSERT_TRUE(Apply(Config({})).ok());
  EXPECT_TRUE(published_.Load()->vips.empty());
  EXPECT_TRUE(manager_.Services().empty());
}

}  // namespace
}  // namespace flyover::lb
