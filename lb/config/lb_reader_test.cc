#include "lb/config/lb_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/machine_reader.h"
#include "common/config/machine_schema.h"
#include "common/config/schema_check.h"
#include "lb/config/lb_schema.h"
#include "lb/maglev/maglev_table.h"

namespace flyover::lb {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

struct Parsed {
  LbConfig config;
  std::vector<std::string> errors, warnings;
};

Parsed Parse(const std::string& text) {
  ConfigReport report("t");
  Parsed parsed;
  const auto tree =
      ParseYaml("ports: { lan: { device: net_null0, addresses: 10.0.0.1/24 } }\n" + text, report);
  if (tree) {
    const ConfigValue root = CheckSchema(
        *tree, MapOf({PortsKey(), ServicesKey(), BalancerKey(), HealthKey(), ChangesKey()}),
        report);
    parsed.config = ReadLb(root, ReadPorts(root, report), report);
  }
  for (const ConfigError& error : report.Errors()) parsed.errors.push_back(error.ToString());
  for (const ConfigError& warning : report.Warnings())
    parsed.warnings.push_back(warning.ToString());
  return parsed;
}

// A service with these lines (each "key: value") besides a VIP and a port.
Parsed Service(const std::string& lines, const std::string& behind = "") {
  return Parse("services: { web: { vip: 203.0.113.10, port: 80, " + lines + " } }\n" + behind);
}

TEST(ReadLb, DefaultsAreTheStructs) {
  const Parsed parsed = Parse("");
  EXPECT_THAT(parsed.errors, ElementsAre());
  EXPECT_EQ(parsed.config, LbConfig{});
  const Parsed service = Service("forward: ipip, backends: {}");
  ServiceConfig expected;
  expected.name = "web";
  expected.vips = {*IpAddress::Parse("203.0.113.10")};
  expected.ports = PortRange::One(80);
  EXPECT_THAT(service.config.services, ElementsAre(expected));
  EXPECT_THAT(service.warnings, ElementsAre(HasSubstr("services.web.backends: has no backend")));
}

TEST(ReadLb, ReadsEveryKey) {
  const Parsed parsed = Parse(
      "balancer:\n"
      "  seed: 18446744073709551615\n"
      "  connections: { capacity: 2048, tcp_timeout: 1m, udp_timeout: 2s }\n"
      "  source: { ipv4: 10.255.0.1, ipv6: \"2001:db8:ff::1\" }\n"
      "health: { namespace: probes }\n"
      "services:\n"
      "  dns:\n"
      "    vip: [203.0.113.53, \"2001:db8::53\"]\n"
      "    protocol: udp\n"
      "    port: 53\n"
      "    forward: ipip\n"
      "    source: { ipv4: 10.255.0.2 }\n"
      "    backends: { b: { address: 10.1.0.1, weight: 0 }, a: { address: \"2001:db8:1::1\" } }\n"
      "    health:\n"
      "      http: { path: /up, expect: 204, host: example.net, port: 8080 }\n"
      "      interval: 500ms\n"
      "      timeout: 400ms\n"
      "      fall: 5\n"
      "      rise: 4\n");
  ASSERT_THAT(parsed.errors, ElementsAre());
  const LbConfig& config = parsed.config;
  EXPECT_EQ(config.seed, ~uint64_t{0});
  EXPECT_EQ(config.connections, (ConnectionConfig{2048, seconds(60), seconds(2), {}}));
  EXPECT_EQ(config.health_namespace, "probes");
  const ServiceConfig& dns = config.services.at(0);
  EXPECT_EQ(dns.protocol, Protocol::kUdp);
  EXPECT_EQ(dns.vips.size(), 2u);
  // The service's own source first, the balancer's where it has none.
  EXPECT_EQ(dns.source.ipv4, Ipv4Address::Parse("10.255.0.2"));
  EXPECT_EQ(dns.source.ipv6, Ipv6Address::Parse("2001:db8:ff::1"));
  EXPECT_EQ(dns.backends[0].name, "b");
  EXPECT_EQ(dns.backends[0].weight, 0);
  EXPECT_EQ(dns.backends[1].weight, 100);
  HealthConfig health;
  health.kind = HealthConfig::Kind::kHttp;
  health.port = 8080;
  health.path = "/up";
  health.host = "example.net";
  health.expect = 204;
  health.interval = milliseconds(500);
  health.timeout = milliseconds(400);
  health.fall = 5;
  health.rise = 4;
  EXPECT_EQ(dns.health, health);
}

TEST(ReadLb, TableSizesAreTheRungsOfTheLadder) {
  const auto size_of = [](const std::string& own, const std::string& behind = "") {
    const Parsed parsed = Service(
        "forward: l2dsr, backends: { a: { address: 10.0.0.9 }, b: { address: 10.0.0.8 }, "
        "c: { address: 10.0.0.7 } }" +
            (own.empty() ? "" : ", table_size: " + own),
        behind);
    EXPECT_THAT(parsed.errors, ElementsAre());
    return parsed.config.services.at(0).table_size;
  };
  for (const uint32_t size : kTableSizes) EXPECT_EQ(size_of(std::to_string(size)), size);
  EXPECT_EQ(size_of(""), kDefaultTableSize);
  EXPECT_EQ(size_of("auto"), 509u);
  EXPECT_EQ(size_of("", "balancer: { table_size: auto }\n"), 509u);
  EXPECT_EQ(size_of("251", "balancer: { table_size: 4093 }\n"), 251u);
  EXPECT_EQ(size_of("", "balancer: { table_size: 4093 }\n"), 4093u);
  EXPECT_THAT(Service("forward: l2dsr, backends: {}, table_size: 65536").errors,
              ElementsAre(HasSubstr("accepted: auto, 251, 509")));
}

TEST(ReadLb, WhoStepsInForWhom) {
  const Parsed parsed = Service(
      "forward: l2dsr, min_up: 2, panic_threshold: 30, all_down: fail_open, slow_start: 45s, "
      "backends: { a: { address: 10.0.0.9, priority: 3 }, b: { address: 10.0.0.8 } }");
  ASSERT_THAT(parsed.errors, ElementsAre());
  const ServiceConfig& service = parsed.config.services.at(0);
  EXPECT_EQ(service.min_up, 2);
  EXPECT_EQ(service.panic_threshold, 30);
  EXPECT_TRUE(service.fail_open);
  EXPECT_EQ(service.slow_start, seconds(45));
  EXPECT_EQ(service.backends[0].priority, 3);
  EXPECT_EQ(service.backends[1].priority, 0);
  EXPECT_THAT(Service("forward: l2dsr, backends: {}, panic_threshold: 101").errors,
              ElementsAre(HasSubstr("services.web.panic_threshold")));
  EXPECT_THAT(Service("forward: l2dsr, backends: {}, all_down: open").errors,
              ElementsAre(HasSubstr("accepted: drop, fail_open")));
}

TEST(ReadLb, ChangeWindow) {
  EXPECT_EQ(Parse("").config.connections.change_window, std::nullopt);
  EXPECT_EQ(
      Parse("balancer: { connections: { change_window: 90s } }\n").config.connections.change_window,
      seconds(90));
  EXPECT_THAT(Parse("balancer: { connections: { change_window: 0s } }\n").errors,
              ElementsAre(HasSubstr("balancer.connections.change_window")));
}

TEST(ReadLb, EveryKindOfProbe) {
  using Kind = HealthConfig::Kind;
  const auto health = [](const std::string& probe) {
    const Parsed parsed = Service("forward: l2dsr, backends: {}, health: { " + probe + " }");
    EXPECT_THAT(parsed.errors, ElementsAre()) << probe;
    return parsed.config.services.at(0).health;
  };
  EXPECT_EQ(health("tls: {}").kind, Kind::kTls);
  EXPECT_EQ(health("grpc: {}").path, "");
  EXPECT_EQ(health("grpc: { service: a.B }").path, "a.B");
  EXPECT_EQ(health("dns: {}").path, ".");
  EXPECT_EQ(health("dns: { name: a.example }").path, "a.example");
  EXPECT_EQ(health("icmp: {}").kind, Kind::kIcmp);
  const HealthConfig exec = health("exec: { command: [/bin/check, --deep, '1'], port: 7 }");
  EXPECT_EQ(exec.kind, Kind::kExec);
  EXPECT_THAT(exec.command, ElementsAre("/bin/check", "--deep", "1"));
  EXPECT_EQ(exec.port, 7);
  EXPECT_THAT(Service("forward: l2dsr, backends: {}, health: { exec: {} }").errors,
              ElementsAre(HasSubstr("command")));
  EXPECT_FALSE(health("tcp: {}").as_client);
  EXPECT_TRUE(health("tcp: {}, as_client: true").as_client);
  EXPECT_EQ(health("udp: {}").send, "");
  const HealthConfig udp = health("udp: { send: ping, answer: pong, port: 7 }");
  EXPECT_EQ(udp.kind, Kind::kUdp);
  EXPECT_EQ(udp.send, "ping");
  EXPECT_EQ(udp.body, "pong");
  EXPECT_EQ(udp.port, 7);
  const HealthConfig https =
      health("https: { path: /x, expect: 204, host: www.example.net, body: ok, verify: true }");
  EXPECT_EQ(https.kind, Kind::kHttps);
  EXPECT_EQ(https.path, "/x");
  EXPECT_EQ(https.expect, 204);
  EXPECT_EQ(https.host, "www.example.net");
  EXPECT_EQ(https.body, "ok");
  EXPECT_TRUE(https.verify);
  EXPECT_THAT(Service("forward: l2dsr, backends: {}, health: { dns: {}, icmp: {} }").errors,
              ElementsAre(HasSubstr("excludes 'dns'")));
}

TEST(ReadLb, BudgetOfChanges) {
  EXPECT_EQ(Parse("").config.max_moved, std::nullopt);
  EXPECT_EQ(Parse("changes: { max_moved: 2.5% }\n").config.max_moved, 250u);
  EXPECT_EQ(Parse("changes: { max_moved: 0% }\n").config.max_moved, 0u);
  EXPECT_EQ(Parse("changes: { max_moved: 100.00% }\n").config.max_moved, 10'000u);
  for (const char* wrong : {"5", "-1%", "100.01%", "1.234%", "%", "5 %"}) {
    EXPECT_THAT(Parse("changes: { max_moved: \"" + std::string(wrong) + "\" }\n").errors,
                ElementsAre(HasSubstr("accepted: a share such as 5%")))
        << wrong;
  }
}

TEST(ReadLb, L2dsrNeedsTheLink) {
  EXPECT_THAT(Service("forward: l2dsr, backends: { a: { address: 10.0.0.9 } }").errors,
              ElementsAre());
  EXPECT_THAT(Service("forward: l2dsr, backends: { a: { address: 10.0.1.9 } }").errors,
              ElementsAre(HasSubstr("lies in no port's subnet")));
}

TEST(ReadLb, IpipNeedsASourceOfTheFamily) {
  const std::string backends = "forward: ipip, backends: { a: { address: 10.1.0.9 } }";
  EXPECT_THAT(Service(backends).errors, ElementsAre(HasSubstr("would have no source address")));
  EXPECT_THAT(Service(backends, "balancer: { source: { ipv6: \"2001:db8::1\" } }\n").errors,
              ElementsAre(HasSubstr("would have no source address")));
  EXPECT_THAT(Service(backends, "balancer: { source: { ipv4: 10.255.0.1 } }\n").errors,
              ElementsAre());
  // A faulty source is one mistake.
  EXPECT_THAT(Service(backends + ", source: { ipv4: 10.255.0 }").errors,
              ElementsAre(HasSubstr("'10.255.0' is not an IP address")));
}

TEST(ReadLb, WarnsOfWhatIsHardlyMeant) {
  EXPECT_THAT(Service("forward: l2dsr, backends: { a: { address: 10.0.0.9, weight: 0 } }").warnings,
              ElementsAre(HasSubstr("all weights are 0")));
  EXPECT_THAT(Service("forward: l2dsr, source: { ipv4: 10.255.0.1 }, "
                      "backends: { a: { address: 10.0.0.9 } }")
                  .warnings,
              ElementsAre(HasSubstr("services.web.source: has no meaning with forward: l2dsr")));
}

TEST(ReadLb, RefusesAddressesThatNoServerCanHave) {
  for (const char* const address :
       {"127.0.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "0.0.0.0", "\"::\"", "\"::1\"",
        "\"ff02::1\"", "\"fe80::1\"", "\"::ffff:10.0.0.1\""}) {
    const std::string vip = "services: { web: { vip: " + std::string(address) +
                            ", port: 80, forward: l2dsr, backends: {} } }\n";
    EXPECT_THAT(Parse(vip).errors, ElementsAre(HasSubstr("accepted: a unicast address")))
        << address;
  }
}

TEST(ReadLb, ATimeoutBeyondTheDefaultInterval) {
  EXPECT_THAT(Service("forward: l2dsr, backends: {}, health: { tcp: {}, timeout: 3s }").errors,
              ElementsAre(HasSubstr("services.web.health.timeout: the timeout is longer")));
  EXPECT_THAT(Service("forward: l2dsr, backends: {}, health: { tcp: {}, interval: 200ms }").errors,
              ElementsAre(HasSubstr("services.web.health.interval: the timeout is longer")));
}

TEST(ReadLb, AProbeTargetCannotSmuggleAHeader) {
  for (const char* const path : {"\"/a b\"", "\"/\\r\\nX: y\"", "\"x\"", "\"\""}) {
    EXPECT_EQ(Service("forward: l2dsr, backends: {}, health: { http: { path: " + std::string(path) +
                      " } }")
                  .errors.size(),
              1u)
        << path;
  }
}

}  // namespace
}  // namespace flyover::lb
