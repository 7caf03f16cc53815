#include "lb/config/service_reader.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>

#include "common/config/address_check.h"
#include "lb/maglev/maglev_table.h"

namespace flyover::lb {
namespace {

void CheckUnicast(const ConfigValue& where, const IpAddress& address, std::string_view accepted,
                  ConfigReport& report) {
  std::string_view why = WhyNotUnicast(address);
  if (why.empty() && address.is_v6() && address.v6().IsLinkLocal()) why = "is a link-local address";
  if (why.empty()) return;
  report.Error(
      where.at, where.path,
      Quoted(address.ToString()) + " " + std::string(why) + "; accepted: " + std::string(accepted));
}

using Kind = HealthConfig::Kind;

struct ProbeName {
  std::string_view name;
  Kind kind;
};
constexpr std::array<ProbeName, 9> kProbes = {{{"http", Kind::kHttp},
                                               {"https", Kind::kHttps},
                                               {"tls", Kind::kTls},
                                               {"tcp", Kind::kTcp},
                                               {"grpc", Kind::kGrpc},
                                               {"udp", Kind::kUdp},
                                               {"dns", Kind::kDns},
                                               {"icmp", Kind::kIcmp},
                                               {"exec", Kind::kExec}}};

std::string ProbeNames() {
  std::string names;
  for (const ProbeName& probe : kProbes) {
    names += (names.empty() ? "" : ", ") + std::string(probe.name);
  }
  return names;
}

void ReadProbe(const ConfigValue& section, HealthConfig& health, ConfigReport& report) {
  const ConfigValue* probe = nullptr;
  for (const ProbeName& candidate : kProbes) {
    const ConfigValue* const found = section.Find(candidate.name);
    if (found == nullptr) continue;
    if (probe != nullptr) {
      report.Error(found->key_at, found->path,
                   "excludes " + Quoted(probe->key) + "; accepted: one of " + ProbeNames());
      continue;
    }
    probe = found;
    health.kind = candidate.kind;
  }
  if (probe == nullptr) {
    if (section.complete) {
      report.Error(section.key_at, section.path,
                   "names no probe; accepted: one of " + ProbeNames());
    }
    return;
  }
  probe->Get("path", health.path);
  probe->Get("service", health.path);
  if (health.kind == Kind::kDns) probe->Get("name", health.path);
  probe->Get("host", health.host);
  probe->Get("expect", health.expect);
  probe->Get("body", health.body);
  probe->Get("answer", health.body);
  probe->Get("send", health.send);
  probe->Get("verify", health.verify);
  for (const ConfigValue& word : probe->ItemsOf("command")) {
    health.command.push_back(word.As<std::string>());
  }
  if (!health.command.empty() && !health.command[0].starts_with('/')) {
    const ConfigValue& program = probe->ItemsOf("command")[0];
    report.Error(program.at, program.path,
                 Quoted(health.command[0]) + " is looked for in no path; accepted: one from / on");
  }
  if (const ConfigValue* const port = probe->Find("port")) {
    health.port = static_cast<uint16_t>(port->As<uint64_t>());
  }
  if (health.verify && health.host.empty()) {
    const ConfigValue& verify = *probe->Find("verify");
    report.Error(verify.at, verify.path,
                 "no name to verify the certificate for; accepted: true with 'host', or false");
  }
}

HealthConfig ReadHealth(const ConfigValue* section, ConfigReport& report) {
  HealthConfig health;
  if (section == nullptr) return health;
  section->Get("interval", health.interval);
  section->Get("timeout", health.timeout);
  section->Get("fall", health.fall);
  section->Get("rise", health.rise);
  section->Get("damping", health.damping);
  section->Get("as_client", health.as_client);
  ReadProbe(*section, health, report);
  const ConfigValue* const timeout = section->Find("timeout");
  const ConfigValue* const interval = section->Find("interval");
  if (timeout && interval && health.timeout > health.interval) {
    const ConfigValue& culprit = timeout->given ? *timeout : *interval;
    report.Error(culprit.at, culprit.path,
                 "the timeout is longer than the interval; accepted: timeout at most interval");
  }
  if (health.as_client && health.kind == Kind::kExec) {
    const ConfigValue& as_client = *section->Find("as_client");
    report.Error(as_client.at, as_client.path,
                 "a program's packets are its own; accepted: false, or a probe other than exec");
  }
  return health;
}

ForwardMode ForwardOf(std::string_view word) {
  for (const ForwardMode mode :
       {ForwardMode::kL2dsr, ForwardMode::kL3dsr, ForwardMode::kGre, ForwardMode::kGue}) {
    if (word == ForwardName(mode)) return mode;
  }
  return ForwardMode::kIpip;
}

Affinity AffinityOf(std::string_view word) {
  for (const Affinity affinity :
       {Affinity::kSource, Affinity::kSourcePrefix, Affinity::kSourceAndPort, Affinity::kPacket}) {
    if (word == AffinityName(affinity)) return affinity;
  }
  return Affinity::kFlow;
}

DfPolicy DfOf(std::string_view word) {
  return word == "set" ? DfPolicy::kSet : word == "clear" ? DfPolicy::kClear : DfPolicy::kCopy;
}

class ServiceReader {
 public:
  ServiceReader(const ConfigValue& entry, const ServiceContext& context, ConfigReport& report)
      : entry_(entry), context_(context), report_(report) {}

  ServiceConfig Read() {
    service_.name = entry_.key;
    ReadPorts();
    if (const ConfigValue* const protocol = entry_.Find("protocol")) {
      service_.protocol = protocol->As<std::string>() == "udp" ? Protocol::kUdp : Protocol::kTcp;
    }
    forward_ = entry_.Find("forward");
    if (forward_ != nullptr) service_.forward = ForwardOf(forward_->As<std::string>());
    ReadVips();
    ReadForwarding();
    ReadAffinity();
    ReadTunnelSource();
    ReadQuic();
    ReadBackends();
    const ConfigValue* const table_size = entry_.Find("table_size");
    service_.table_size =
        table_size != nullptr ? ReadTableSize(*table_size) : context_.default_table_size;
    if (service_.table_size == 0) service_.table_size = TableSizeFor(service_.backends.size());
    entry_.Get("min_up", service_.min_up);
    entry_.Get("panic_threshold", service_.panic_threshold);
    entry_.Get("swallow_weight", service_.swallow_weight);
    entry_.Get("slow_start", service_.slow_start);
    entry_.Get("announce", service_.announce);
    if (const ConfigValue* const all_down = entry_.Find("all_down")) {
      service_.fail_open = all_down->As<std::string>() == "fail_open";
    }
    service_.health = ReadHealth(entry_.Find("health"), report_);
    CheckProbedPort();
    return std::move(service_);
  }

 private:
  void ReadVips() {
    for (const ConfigValue& vip : entry_.ItemsOf("vip")) {
      const bool one = vip.Is<IpAddress>();
      const IpPrefix prefix = one ? IpPrefix::Host(vip.As<IpAddress>()) : vip.As<IpPrefix>();
      service_.vips.push_back(prefix);
      CheckUnicast(vip, prefix.address(), one ? "a unicast address" : "unicast addresses", report_);
    }
  }

  void ReadPorts() {
    const ConfigValue* const port = entry_.Find("port");
    if (port == nullptr) return;
    if (port->Is<uint64_t>()) {
      service_.ports = PortRange::One(static_cast<uint16_t>(port->As<uint64_t>()));
      return;
    }
    const std::string& text = port->As<std::string>();
    if (const auto ports = PortRange::Parse(text)) {
      service_.ports = *ports;
      return;
    }
    report_.Error(port->at, port->path,
                  Quoted(text) +
                      " is no range of ports; accepted: two numbers from 1 to 65535, the "
                      "lower one first, as in 8000-8100");
  }

  // A probe goes to one port.
  void CheckProbedPort() {
    const HealthConfig& health = service_.health;
    if (service_.ports.IsOne() || health.port || health.kind == Kind::kNone ||
        health.kind == Kind::kIcmp || health.kind == Kind::kExec) {
      return;
    }
    const ConfigValue& value = *entry_.Find("health");
    report_.Error(value.at, value.path,
                  "does not say which of the ports " + service_.ports.ToString() +
                      " is probed; accepted: with 'port'");
  }

  void WarnIfGiven(const ConfigValue* value) {
    if (value == nullptr || !value->given || forward_ == nullptr) return;
    report_.Warning(value->key_at, value->path,
                    "has no meaning with forward: " + std::string(ForwardName(service_.forward)));
  }

  void ReadForwarding() {
    const ConfigValue* const gue = entry_.Find("gue");
    if (gue != nullptr) {
      gue->Get("variant", service_.gue.variant);
      gue->Get("port", service_.gue.port);
    }
    if (service_.forward != ForwardMode::kGue) {
      WarnIfGiven(gue);
      service_.gue = {};
    }
    const ConfigValue* const too_big = entry_.Find("too_big");
    service_.fragment = too_big != nullptr && too_big->As<std::string>() == "fragment";
    if (!IsTunnel(service_.forward)) {
      WarnIfGiven(too_big);
      service_.fragment = false;
    }
    entry_.Get("tcp_mss", service_.tcp_mss);
    if (service_.protocol == Protocol::kUdp && service_.tcp_mss != 0) {
      const ConfigValue& mss = *entry_.Find("tcp_mss");
      report_.Warning(mss.key_at, mss.path, "has no meaning with protocol: udp");
      service_.tcp_mss = 0;
    }
    ReadDscp();
  }

  void ReadAffinity() {
    const ConfigValue* const affinity = entry_.Find("affinity");
    if (affinity == nullptr) return;
    service_.affinity = AffinityOf(affinity->As<std::string>());
    if (service_.affinity == Affinity::kPacket && service_.protocol != Protocol::kUdp &&
        entry_.Find("protocol") != nullptr) {
      report_.Error(affinity->at, affinity->path,
                    "'packet' would tear TCP connections apart; accepted: with protocol: udp, or "
                    "flow, source, source_prefix, source_and_port");
    }
    const ConfigValue* const prefix = entry_.Find("affinity_prefix");
    if (prefix == nullptr) return;
    if (service_.affinity == Affinity::kSourcePrefix) {
      prefix->Get("ipv4", service_.affinity_prefix.ipv4);
      prefix->Get("ipv6", service_.affinity_prefix.ipv6);
    } else if (prefix->given) {
      report_.Warning(
          prefix->key_at, prefix->path,
          "has no meaning with affinity: " + std::string(AffinityName(service_.affinity)));
    }
  }

  void ReadQuic() {
    const ConfigValue* const quic = entry_.Find("quic");
    if (quic == nullptr) return;
    if (service_.protocol != Protocol::kUdp && entry_.Find("protocol") != nullptr) {
      report_.Error(quic->key_at, quic->path, "is of UDP; accepted: with protocol: udp");
    }
    for (const ConfigValue& item : quic->items) {
      QuicCidConfig config;
      item.Get("rotation", config.rotation);
      item.Get("server_id_length", config.server_id_length);
      item.Get("nonce_length", config.nonce_length);
      if (const ConfigValue* const key = item.Find("key")) ReadQuicKey(*key, config);
      if (!item.complete) continue;
      if (config.plaintext_length() > kMaxQuicPlaintext) {
        const ConfigValue& nonce = *item.Find("nonce_length");
        report_.Error(nonce.at, nonce.path,
                      "server id and nonce have " + std::to_string(config.plaintext_length()) +
                          " bytes; accepted: at most " + std::to_string(kMaxQuicPlaintext) +
                          " together");
        continue;
      }
      if (std::ranges::find(service_.quic, config.rotation, &QuicCidConfig::rotation) !=
          service_.quic.end()) {
        report_.Error(item.at, item.path,
                      "rotation " + std::to_string(config.rotation) +
                          " is there already; accepted: each once");
        continue;
      }
      service_.quic.push_back(config);
    }
  }

  void ReadQuicKey(const ConfigValue& key, QuicCidConfig& config) {
    if (!Aes128::Supported()) {
      report_.Error(key.at, key.path,
                    "this processor has no AES instructions; accepted: without 'key'");
      return;
    }
    config.key = ParseQuicKey(key.As<std::string>());
  }

  // Of a backend. REQUIRES: `quic` is read.
  void ReadQuicIds(const ConfigValue& item, BackendConfig& backend) {
    const ConfigValue* const ids = item.Find("quic_ids");
    if (ids == nullptr) return;
    if (service_.quic.empty()) {
      if (entry_.Find("quic") == nullptr) {
        report_.Warning(ids->key_at, ids->path, "has no meaning without the service's 'quic'");
      }
      return;
    }
    for (const ConfigValue& text : ids->items) {
      const auto id = QuicServerId::Parse(text.As<std::string>());
      if (!id) continue;
      const auto [first, is_new] = quic_ids_.emplace(*id, backend.name);
      if (!is_new) {
        report_.Error(text.at, text.path,
                      Quoted(id->ToString()) + " is also an id of backend " +
                          Quoted(first->second) + "; accepted: every id once");
      } else if (std::ranges::find(service_.quic, id->size(), &QuicCidConfig::server_id_length) ==
                 service_.quic.end()) {
        report_.Error(text.at, text.path,
                      Quoted(id->ToString()) + " has " + std::to_string(id->size()) +
                          " bytes; accepted: the server_id_length of one of the service's 'quic'");
      } else {
        backend.quic_ids.push_back(*id);
      }
    }
  }

  // The DSCP is all that tells a backend where the packet was sent to, so it stands for one VIP.
  void ReadDscp() {
    const ConfigValue* const dscp = entry_.Find("dscp");
    if (service_.forward != ForwardMode::kL3dsr) return WarnIfGiven(dscp);
    if (dscp == nullptr) {
      if (entry_.complete) {
        report_.Error(forward_->at, forward_->path,
                      "needs a DSCP for the VIP; accepted: with 'dscp', from 1 to 63");
      }
      return;
    }
    entry_.Get("dscp", service_.dscp);
    if (!service_.vips.empty() && !service_.vips[0].IsHost()) {
      const ConfigValue& first = entry_.ItemsOf("vip")[0];
      report_.Error(first.at, first.path,
                    "the DSCP of l3dsr stands for one VIP; accepted: a single address");
    } else if (service_.vips.size() > 1) {
      const ConfigValue& second = entry_.ItemsOf("vip")[1];
      report_.Error(second.at, second.path,
                    "the DSCP of l3dsr stands for one VIP; accepted: a service for each VIP");
    }
  }

  void ReadTunnelSource() {
    const ConfigValue* const source = entry_.Find("source");
    service_.source = ReadSource(source, report_);
    source_complete_ = context_.default_source_complete && source != nullptr && source->complete;
    if (IsTunnel(service_.forward)) {
      if (!service_.source.ipv4) service_.source.ipv4 = context_.default_source.ipv4;
      if (!service_.source.ipv6) service_.source.ipv6 = context_.default_source.ipv6;
    } else {
      WarnIfGiven(source);
    }
  }

  void ReadBackends() {
    const ConfigValue* const backends = entry_.Find("backends");
    if (backends == nullptr) return;
    std::map<IpAddress, std::string> names;
    bool any_weight = false;
    for (const ConfigValue& item : backends->items) {
      BackendConfig& backend = service_.backends.emplace_back();
      backend.name = item.key;
      item.Get("weight", backend.weight);
      item.Get("priority", backend.priority);
      item.Get("mtu", backend.mtu);
      if (const ConfigValue* const df = item.Find("df")) backend.df = DfOf(df->As<std::string>());
      if (!IsTunnel(service_.forward)) {
        WarnIfGiven(item.Find("mtu"));
        WarnIfGiven(item.Find("df"));
        backend.mtu = 0;
        backend.df = DfPolicy::kCopy;
      }
      ReadQuicIds(item, backend);
      any_weight = any_weight || backend.weight > 0;
      const ConfigValue* const address = item.Find("address");
      if (address == nullptr) continue;
      backend.address = address->As<IpAddress>();
      CheckUnicast(*address, backend.address, "the unicast address of a server", report_);
      const auto [first, is_new] = names.emplace(backend.address, backend.name);
      if (!is_new) {
        report_.Error(address->at, address->path,
                      Quoted(backend.address.ToString()) + " is also the address of backend " +
                          Quoted(first->second) +
                          "; accepted: every address once (a higher weight gives a larger share)");
        continue;
      }
      CheckReach(*address, backend.address);
      CheckMtu(item, backend);
    }
    if (backends->items.empty() && backends->complete) {
      report_.Warning(backends->key_at, backends->path,
                      "has no backend: all packets of the service are dropped");
    } else if (!any_weight && backends->complete) {
      report_.Warning(backends->key_at, backends->path,
                      "all weights are 0: no new flow is accepted");
    }
  }

  void CheckMtu(const ConfigValue& item, const BackendConfig& backend) {
    constexpr uint16_t kIpv6Minimum = 1280;  // RFC 8200 5
    if (backend.mtu == 0 || backend.mtu >= kIpv6Minimum || backend.address.is_v4()) return;
    const ConfigValue& mtu = *item.Find("mtu");
    report_.Error(mtu.at, mtu.path,
                  std::to_string(backend.mtu) +
                      " is less than every IPv6 link carries; accepted: 1280 or more, or none");
  }

  // Whether the forwarding mode can get a packet to the backend.
  void CheckReach(const ConfigValue& where, const IpAddress& backend) {
    if (forward_ == nullptr) return;
    const std::string quoted = Quoted(backend.ToString());
    if (service_.forward == ForwardMode::kL2dsr) {
      bool on_link = false;
      for (const PortConfig& port : context_.ports) {
        for (const InterfaceAddress& address : port.addresses) {
          on_link = on_link || address.Subnet().Contains(backend);
        }
      }
      if (!on_link && context_.ports_complete) {
        report_.Error(where.at, where.path,
                      quoted +
                          " lies in no port's subnet, but forward is l2dsr; accepted: a server "
                          "on a connected link, or forward: ipip");
      }
      return;
    }
    if (service_.forward == ForwardMode::kL3dsr) {
      if (service_.vips.empty() || service_.vips[0].family() == backend.family()) return;
      report_.Error(where.at, where.path,
                    quoted +
                        " is not of the VIP's family, and l3dsr only changes the address; "
                        "accepted: a VIP and backends of one family, or a tunnel");
      return;
    }
    const bool has_source =
        backend.is_v4() ? service_.source.ipv4.has_value() : service_.source.ipv6.has_value();
    if (!has_source && source_complete_) {
      const std::string family = backend.is_v4() ? "ipv4" : "ipv6";
      report_.Error(where.at, where.path,
                    "a tunnel packet to " + quoted +
                        " would have no source address; accepted: with '" + family +
                        "' in the service's source or in balancer.source");
    }
  }

  const ConfigValue& entry_;
  const ServiceContext& context_;
  ConfigReport& report_;
  const ConfigValue* forward_ = nullptr;  // null: absent or faulty, already reported
  bool source_complete_ = false;
  std::map<QuicServerId, std::string> quic_ids_;  // -> backend
  ServiceConfig service_;
};

}  // namespace

uint32_t ReadTableSize(const ConfigValue& value) {
  const auto& text = value.As<std::string>();
  return text == "auto" ? 0 : static_cast<uint32_t>(std::stoul(text));
}

TunnelSource ReadSource(const ConfigValue* section, ConfigReport& report) {
  TunnelSource source;
  if (section == nullptr) return source;
  if (const ConfigValue* const v4 = section->Find("ipv4")) {
    source.ipv4 = v4->As<IpAddress>().v4();
    CheckUnicast(*v4, *source.ipv4, "a unicast address", report);
  }
  if (const ConfigValue* const v6 = section->Find("ipv6")) {
    source.ipv6 = v6->As<IpAddress>().v6();
    CheckUnicast(*v6, *source.ipv6, "a unicast address", report);
  }
  return source;
}

ServiceConfig ReadService(const ConfigValue& entry, const ServiceContext& context,
                          ConfigReport& report) {
  return ServiceReader(entry, context, report).Read();
}

}  // namespace flyover::lb
