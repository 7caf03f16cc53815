#include "tools/flyoverd/document/document.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

namespace flyover {
namespace {

constexpr char kMinimal[] = "ports: { wan: { device: net_null0 } }\n";

Document Parse(const std::string& text) {
  ParsedDocument parsed = ParseDocument(text, "t");
  EXPECT_TRUE(parsed.document.has_value()) << ToString(parsed.errors);
  return parsed.document.value_or(Document{});
}

TEST(ParseDocument, DefaultsAreTheStructs) {
  Document expected;
  PortConfig& wan = expected.ports.emplace_back();
  wan.name = wan.tap = "wan";
  wan.device = "net_null0";
  EXPECT_EQ(Parse(kMinimal), expected);
  EXPECT_EQ(Parse(kMinimal).ControlSocket(), "/run/flyover/flyover/control.sock");
}

TEST(ParseDocument, MarksStandWhereTheValuesDo) {
  const Document document = Parse(
      "ports:\n  wan:\n    device: net_null0\nkernel: { namespace: r }\ncontrol: { group: ops }\n"
      "metrics: { listen: \"[::1]:80\" }\ndataplane: { lcores: [3] }\nhealth: { namespace: p }\n");
  EXPECT_EQ(document.ports[0].mark.ToString(), "t:3:13");
  EXPECT_EQ(document.kernel.mark.ToString(), "t:4:22");
  EXPECT_EQ(document.control.group_mark.ToString(), "t:5:19");
  EXPECT_EQ(document.metrics.mark.ToString(), "t:6:20");
  EXPECT_EQ(document.dataplane.lcores_mark.ToString(), "t:7:22");
  EXPECT_EQ(document.lb.health_mark.ToString(), "t:8:22");
}

TEST(ParseDocument, ReportsMistakesOfAllSectionsAtOnce) {
  const ParsedDocument parsed = ParseDocument(
      "dataplane: { lcores: [1, 1], idel: poll }\n"
      "ports:\n"
      "  wan: { device: \"0000:3b:00.0\", addresses: [192.0.2.2/30] }\n"
      "  lan: { device: \"3b:00.0\", mtu: 70000 }\n"
      "routes:\n"
      "  - { to: 0.0.0.0/0, via: 192.0.2.1, prot: lan }\n"
      "services:\n"
      "  web: { vip: 192.0.2.2, port: 080, forward: nat, backends: {} }\n"
      "punt: { link: 5 }\n",
      "box.yaml");
  EXPECT_FALSE(parsed.document.has_value());
  std::vector<std::pair<int, int>> places;
  for (const ConfigError& error : parsed.errors) places.emplace_back(error.line, error.column);
  const std::vector<std::pair<int, int>> expected = {{1, 26}, {1, 30}, {4, 18}, {4, 34}, {6, 38},
                                                     {8, 15}, {8, 32}, {8, 46}, {9, 15}};
  EXPECT_EQ(places, expected) << ToString(parsed.errors);
}

TEST(ParseDocument, TheOrderOfThePortsIsTheDocuments) {
  const Document document =
      Parse("ports: { z: { device: net_null0 }, a: { device: net_null1 } }\n");
  EXPECT_EQ(document.ports[0].name, "z");
  EXPECT_EQ(document.ports[1].name, "a");
}

TEST(Document, EqualityIgnoresPlaces) {
  EXPECT_EQ(Parse(kMinimal), Parse(std::string("# a comment\n\n") + kMinimal));
  EXPECT_NE(Parse(kMinimal), Parse("ports: { wan: { device: net_null0, mtu: 1400 } }\n"));
}

TEST(ToYaml, RoundTripsEveryDocumentOfConfig) {
  unsigned count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator("config")) {
    if (entry.path().extension() != ".yaml") continue;
    ++count;
    const ParsedDocument parsed = LoadDocument(entry.path().string());
    ASSERT_TRUE(parsed.document.has_value()) << ToString(parsed.errors);
    EXPECT_EQ(ToString(parsed.warnings), "");
    const std::string yaml = ToYaml(*parsed.document);
    EXPECT_EQ(Parse(yaml), *parsed.document) << yaml;
    EXPECT_EQ(ToYaml(Parse(yaml)), yaml);
  }
  EXPECT_GE(count, 7u);
}

// Documents of random values within their ranges.
class RandomDocument {
 public:
  explicit RandomDocument(unsigned seed) : random_(seed) {}

  Document Make() {
    Document d;
    d.dataplane.name = Name();
    if (Coin()) d.dataplane.lcore_count = Below(64) + 1;
    if (!d.dataplane.lcore_count && Coin()) d.dataplane.lcore_cpus = {Below(500), 500 + Below(500)};
    d.dataplane.idle = Coin() ? IdlePolicy::kPoll : IdlePolicy::kAdaptive;
    d.dataplane.hugepages = static_cast<HugepagePolicy>(Below(3));
    d.dataplane.mbufs = 1024 + Below(1'000'000);
    d.dataplane.burst = static_cast<uint16_t>(1 + Below(64));
    d.dataplane.runtime_dir = "/run/" + Name();
    for (unsigned i = 0, n = 1 + Below(5); i < n; ++i) d.ports.push_back(Port(i));
    d.kernel.network_namespace = Coin() ? Name() : "";
    d.kernel.tables =
        Coin() ? std::vector<uint32_t>{254, 253} : std::vector<uint32_t>{1 + Below(200)};
    for (unsigned i = 0, n = Below(4); i < n; ++i) d.router.routes.push_back(Route(i, d.ports));
    if (Coin()) d.router.ecmp.seed = random_();
    d.router.ecmp.symmetric = Coin();
    d.router.ecmp.ipv6_flow_label = Coin();
    d.router.icmp_errors = IcmpErrors();
    d.lb.seed = random_();
    d.lb.connections = {1024 + Below(1'000'000), std::chrono::seconds(1 + Below(14'400)),
                        std::chrono::seconds(1 + Below(14'400)), std::nullopt};
    if (Coin()) d.lb.connections.change_window = std::chrono::seconds(1 + Below(14'400));
    d.lb.source = {Ipv4Address{0x0aff0001},
                   Coin() ? Ipv6Address::Parse("2001:db8:ff::1") : std::nullopt};
    d.lb.health_namespace = Coin() ? Name() : "";
    if (Coin()) d.lb.max_moved = Below(10'001);
    d.lb.reject_unknown_ports = Coin();
    for (unsigned i = 0, n = Below(4); i < n; ++i) d.lb.services.push_back(Service(i, d.lb.source));
    for (uint32_t& rate : d.punt.rate) rate = 1 + Below(100'000'000);
    d.metrics.enabled = Coin();
    d.metrics.listen = d.metrics.enabled ? (Coin() ? "[::1]:9000" : "0.0.0.0:80") : "";
    d.metrics.network_namespace = Coin() ? Name() : "";
    if (Coin()) d.control = {"/run/" + Name() + "/\"quoted\"#sock:", Name(), {}, {}};
    d.log = {Coin() ? "warn" : "trace", {{"netlink", "debug"}}, Coin()};
    return d;
  }

 private:
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  bool Coin() { return Below(2) == 1; }
  std::string Name() {
    static const char* const kNames[] = {"null",    "true", "0x1f", "off",
                                         "a.b-c_d", "7",    "1e3",  "No"};
    return kNames[Below(8)];
  }
  PortConfig Port(unsigned i) {
    PortConfig port;
    port.name = "p" + std::to_string(i);
    port.device = "net_af_packet" + std::to_string(i) + ",iface=v" + std::to_string(i);
    port.mtu = static_cast<uint16_t>(1280 + Below(7000));
    port.addresses = {{Ipv4Address{0x0a000001 + (i << 16)}, 24}};
    if (Coin()) port.addresses.push_back(*InterfaceAddress::Parse("fe80::1/64"));
    if (Coin()) port.queues = 1 + Below(64);
    if (Coin()) port.mac = MacAddress{{2, 0, 0, 0, 0, static_cast<uint8_t>(i)}};
    port.tap = Coin() ? port.name : "tap" + std::to_string(i);
    port.promiscuous = Coin();
    port.offloads = Coin();
    port.features = {.urpf = static_cast<ReversePathCheck>(Below(4)),
                     .fragment = Coin(),
                     .directed_broadcast = Coin()};
    if (Coin()) port.features.dscp = static_cast<uint8_t>(Below(64));
    if (Coin()) port.features.tcp_mss = Coin() ? 0 : static_cast<uint16_t>(536 + Below(8000));
    return port;
  }
  router::IcmpErrorConfig IcmpErrors() {
    router::IcmpErrorConfig errors{.rate = Below(10'000'000), .burst = 1 + Below(1'000'000)};
    for (uint32_t& rate : errors.type_rate) rate = Below(10'000'000);
    errors.per_source = {Below(10'000'000), 1 + Below(1'000'000), static_cast<uint8_t>(Below(33)),
                         static_cast<uint8_t>(Below(129))};
    errors.source.incoming = Coin();
    if (errors.source.incoming) return errors;
    if (Coin()) errors.source.ipv4 = Ipv4Address{0x0aff0001};
    if (Coin()) errors.source.ipv6 = Ipv6Address::Parse("2001:db8:ff::1");
    return errors;
  }
  router::StaticRoute Route(unsigned i, const std::vector<PortConfig>& ports) {
    router::StaticRoute route;
    route.to = IpPrefix(Ipv4Address{0xac100000 + (i << 8)}, 24);
    route.type = static_cast<router::StaticRouteType>(Below(4));
    route.metric = Below(1000);
    if (route.type != router::StaticRouteType::kUnicast) return route;
    const auto port = static_cast<uint8_t>(Below(static_cast<uint32_t>(ports.size())));
    route.nexthops.push_back(
        {Ipv4Address{0x0a000002}, std::nullopt, static_cast<uint16_t>(1 + Below(256))});
    route.nexthops.push_back(
        {Coin() ? IpAddress::Parse("fe80::9") : std::nullopt, PortIndex(port), 1});
    return route;
  }
  lb::ServiceConfig Service(unsigned i, const lb::TunnelSource& source) {
    lb::ServiceConfig service;
    service.name = "s" + std::to_string(i);
    service.vips = {IpPrefix(Ipv4Address{0xcb000000 + (i << 8)}, Coin() ? 32 : 24)};
    if (Coin()) service.vips.push_back(*IpAddress::Parse("2001:db8:100::" + std::to_string(i)));
    service.protocol = Coin() ? lb::Protocol::kTcp : lb::Protocol::kUdp;
    const auto port = static_cast<uint16_t>(1 + Below(60000));
    service.ports = Coin()   ? lb::PortRange::One(port)
                    : Coin() ? lb::PortRange::Any()
                             : lb::PortRange{port, static_cast<uint16_t>(port + 1 + Below(100))};
    static constexpr std::array<lb::ForwardMode, 5> kModes = {
        lb::ForwardMode::kL2dsr, lb::ForwardMode::kL3dsr, lb::ForwardMode::kIpip,
        lb::ForwardMode::kGre, lb::ForwardMode::kGue};
    service.forward = kModes[Below(kModes.size())];
    const bool tunnel = lb::IsTunnel(service.forward);
    if (tunnel) service.source = source;
    if (tunnel) service.fragment = Coin();
    if (service.forward == lb::ForwardMode::kL3dsr) {
      service.vips = {service.vips[0].address()};
      service.dscp = static_cast<uint8_t>(i + 1);
    }
    if (service.forward == lb::ForwardMode::kGue) {
      service.gue = {static_cast<uint8_t>(Below(2)), static_cast<uint16_t>(1 + Below(65535))};
    }
    const bool udp = service.protocol == lb::Protocol::kUdp;
    service.affinity = static_cast<lb::Affinity>(Below(udp ? 5 : 4));
    if (service.affinity == lb::Affinity::kSourcePrefix) {
      service.affinity_prefix = {static_cast<uint8_t>(1 + Below(32)),
                                 static_cast<uint8_t>(1 + Below(128))};
    }
    if (service.protocol == lb::Protocol::kTcp && Coin()) {
      service.tcp_mss = static_cast<uint16_t>(536 + Below(8000));
    }
    const bool quic = udp && Coin();
    if (quic) {
      service.quic = {{.rotation = static_cast<uint8_t>(Below(7)),
                       .server_id_length = 2,
                       .nonce_length = static_cast<uint8_t>(4 + Below(14)),
                       .key = {}}};
      if (Coin()) service.quic[0].key = lb::ParseQuicKey("000102030405060708090a0b0c0d0e0f");
    }
    for (unsigned j = 0, n = Below(4); j < n; ++j) {
      service.backends.push_back({"b" + std::to_string(j), Ipv4Address{0x0a000064 + j},
                                  static_cast<uint16_t>(Below(65536))});
      if (quic)
        service.backends.back().quic_ids = {*lb::QuicServerId::Parse("000" + std::to_string(j))};
      if (!tunnel) continue;
      service.backends.back().df = static_cast<lb::DfPolicy>(Below(3));
      if (Coin()) service.backends.back().mtu = static_cast<uint16_t>(576 + Below(8000));
    }
    using Kind = lb::HealthConfig::Kind;
    service.health.kind = static_cast<Kind>(Below(10));
    if (service.health.kind == Kind::kNone) return service;
    if ((Coin() || !service.ports.IsOne()) && service.health.kind != Kind::kIcmp)
      service.health.port = static_cast<uint16_t>(1 + Below(65535));
    if (service.health.kind == Kind::kExec) {
      service.health.command = {"/usr/bin/check", "--text", "a: 'b' #c", std::to_string(Below(9))};
    }
    service.health.timeout = std::chrono::milliseconds(100 + Below(900));
    service.health.interval = std::chrono::milliseconds(1000 + Below(100'000));
    service.health.damping = std::chrono::milliseconds(Below(100'000));
    service.health.fall = static_cast<uint16_t>(1 + Below(100));
    service.health.as_client = service.health.kind != Kind::kExec && Coin();
    const bool tls = service.health.kind == Kind::kHttps || service.health.kind == Kind::kTls;
    if (tls && Coin()) {
      service.health.host = "www.example.net";
      service.health.verify = Coin();
    }
    if (service.health.kind == Kind::kHttps || service.health.kind == Kind::kUdp) {
      service.health.body = Coin() ? "it's \"well\": #1" : "";
    }
    if (service.health.kind == Kind::kUdp) service.health.send = Coin() ? "ping" : "";
    if (service.health.kind == Kind::kDns) service.health.path = Coin() ? "." : "a.example";
    if (service.health.kind == Kind::kGrpc) service.health.path = Coin() ? "" : "pkg.Service";
    if (service.health.kind == Kind::kHttp) {
      service.health.path = "/a?b=\"c\"&d='e'#f:";
      service.health.host = Coin() ? "[2001:db8::1]:80" : "";
    }
    return service;
  }

  std::mt19937_64 random_;
};

TEST(ToYaml, RoundTripsRandomDocuments) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomDocument random(seed);
  for (int i = 0; i < 300; ++i) {
    const Document document = random.Make();
    const std::string yaml = ToYaml(document);
    ASSERT_EQ(Parse(yaml), document) << yaml;
  }
}

// Damage anywhere gives errors or a document, and every document reads back.
TEST(ParseDocument, DamagedDocumentsAreSafe) {
  std::ifstream file("config/reference.yaml");
  std::stringstream text;
  text << file.rdbuf();
  std::string whole;  // without its comments, so that the damage hits
  for (std::string line; std::getline(text, line);) {
    if (line.find_first_not_of(' ') != line.find('#')) whole += line + "\n";
  }
  ASSERT_GT(whole.size(), 500u);
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  unsigned valid = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string damaged = whole;
    for (size_t j = random() % 4 + 1; j > 0; --j) {
      const size_t at = random() % damaged.size();
      switch (random() % 4) {
        case 0:
          damaged[at] = static_cast<char>(random());
          break;
        case 1:
          damaged.erase(at, random() % 20);
          break;
        case 2:
          damaged.insert(at, whole.substr(random() % whole.size(), random() % 40));
          break;
        default:
          damaged[at] = whole[random() % whole.size()];
      }
    }
    const ParsedDocument parsed = ParseDocument(damaged, "t");
    ASSERT_EQ(parsed.document.has_value(), parsed.errors.empty());
    if (!parsed.document) continue;
    ++valid;
    ASSERT_EQ(Parse(ToYaml(*parsed.document)), *parsed.document) << damaged;
  }
  EXPECT_GT(valid, 0u);
}

}  // namespace
}  // namespace flyover
