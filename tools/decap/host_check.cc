#include "tools/decap/host_check.h"

#include <fmt/core.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "tools/decap/addresses.h"
#include "tools/decap/loader.h"

namespace flyover::decap {
namespace {

constexpr uint32_t kTcpIpv4 = 40, kTcpIpv6 = 60;  // headers around a segment
constexpr uint32_t kOuterIpv4 = 20, kOuterIpv6 = 40;

bool Ipv4(const DecapPrefix& prefix) { return IsIpv4(prefix.address); }

bool AnyVip(const HostFacts& facts, bool ipv4) {
  return std::any_of(facts.vips.begin(), facts.vips.end(),
                     [&](const HostFacts::Vip& vip) { return Ipv4(vip.prefix) == ipv4; });
}

void JudgeVips(const HostFacts& facts, std::vector<Finding>& findings) {
  if (facts.vips.empty()) {
    findings.push_back({Verdict::kFailure, "lo has no VIP", "ip addr add VIP/32 dev lo"});
  }
  for (const HostFacts::Vip& vip : facts.vips) {
    const std::string name = FormatPrefix(vip.prefix);
    if (vip.local) {
      findings.push_back({Verdict::kOk, fmt::format("VIP {} is this host's", name), ""});
    } else if (vip.prefix.length == 128) {
      findings.push_back(
          {Verdict::kFailure, fmt::format("VIP {} is no address of this host", name),
           fmt::format("ip addr add {}/{} dev lo", name, Ipv4(vip.prefix) ? 32 : 128)});
    } else {
      findings.push_back(
          {Verdict::kFailure, fmt::format("VIP {} is not local as a whole", name),
           fmt::format("ip {}route add local {} dev lo", Ipv4(vip.prefix) ? "" : "-6 ", name)});
    }
  }
}

void JudgeWayBack(const HostFacts& facts, bool ipv4, std::vector<Finding>& findings) {
  if (!AnyVip(facts, ipv4)) return;
  const std::string family = ipv4 ? "IPv4" : "IPv6";
  const std::optional<Route>& back = ipv4 ? facts.back4 : facts.back6;
  if (!back) {
    findings.push_back({Verdict::kFailure, "no way back to " + family + " clients",
                        fmt::format("ip {}route add default via ROUTER", ipv4 ? "" : "-6 ")});
    return;
  }
  findings.push_back(
      {Verdict::kOk, fmt::format("{} clients are answered by {}", family, back->interface), ""});
  if (ipv4) {
    if (facts.rp_filter == 1 && back->interface != facts.interface) {
      findings.push_back(
          {Verdict::kFailure,
           fmt::format("rp_filter is strict on {}, and the way back is another: clients' packets "
                       "are dropped",
                       facts.interface),
           fmt::format("sysctl -w net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.{}.rp_filter=0",
                       facts.interface)});
    } else {
      findings.push_back({Verdict::kOk,
                          fmt::format("rp_filter {} lets clients' packets in", facts.rp_filter),
                          ""});
    }
  }
  // A segment as large as the announced MSS allows, with the larger outer header.
  const uint32_t headers = ipv4 ? kTcpIpv4 : kTcpIpv6;
  const uint32_t mtu = back->mtu != 0 ? back->mtu : facts.mtu;
  const uint32_t mss = back->advmss != 0 ? back->advmss : mtu - std::min(mtu, headers);
  const uint32_t outer = ipv4 ? kOuterIpv4 : kOuterIpv6;
  if (mss + headers + outer > facts.mtu) {
    findings.push_back(
        {Verdict::kWarning,
         fmt::format("{} clients are told an MSS of {}: their full packets and an outer header of "
                     "{} bytes are longer than {}'s MTU of {}, so Flyover has to tell them by ICMP",
                     family, mss, outer, facts.interface, facts.mtu),
         fmt::format("ip {}route change default via ROUTER advmss {}, or an MTU of {} on the way",
                     ipv4 ? "" : "-6 ", facts.mtu - std::min(facts.mtu, headers + kOuterIpv6),
                     1500 + kOuterIpv6)});
  } else {
    findings.push_back({Verdict::kOk,
                        fmt::format("{} clients' full packets fit with an outer header", family),
                        ""});
  }
}

// The greater of `all` and the interface's; 0 where it cannot be read.
int Sysctl(const std::string& interface, const char* key) {
  int most = 0;
  for (const std::string& scope : {std::string("all"), interface}) {
    std::ifstream file("/proc/sys/net/ipv4/conf/" + scope + "/" + key);
    int value = 0;
    if (file >> value) most = std::max(most, value);
  }
  return most;
}

Result<uint32_t> MtuOf(const std::string& interface) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return ErrnoStatus(StatusCode::kInternal, "open a socket", errno);
  ifreq request{};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  const int result = ioctl(fd, SIOCGIFMTU, &request);
  close(fd);
  if (interface.size() >= IFNAMSIZ || result != 0) {
    return Status(StatusCode::kNotFound,
                  "no interface '" + interface + "' in this network namespace");
  }
  return static_cast<uint32_t>(request.ifr_mtu);
}

// Of a prefix the last host: that lo has one address of it, often the first, does not make the
// others local.
DecapAddress LastHost(const DecapPrefix& prefix) {
  DecapAddress address = prefix.address;
  for (unsigned bit = prefix.length; bit < 127; ++bit) {
    address.bytes[bit / 8] = static_cast<uint8_t>(address.bytes[bit / 8] | 0x80 >> bit % 8);
  }
  return address;
}

std::optional<Route> Found(const Result<Route>& route) {
  if (!route.ok()) return std::nullopt;
  return *route;
}

}  // namespace

std::vector<Finding> Judge(const HostFacts& facts) {
  std::vector<Finding> findings;
  if (facts.attached) {
    findings.push_back({Verdict::kOk, "flyover-decap is on " + facts.interface, ""});
  } else {
    findings.push_back({Verdict::kFailure, "flyover-decap is not on " + facts.interface,
                        "flyover-decap attach " + facts.interface});
  }
  JudgeVips(facts, findings);
  JudgeWayBack(facts, true, findings);
  JudgeWayBack(facts, false, findings);
  if (AnyVip(facts, true)) {
    if (facts.arp_ignore == 0) {
      findings.push_back(
          {Verdict::kWarning,
           "this host answers ARP for its VIPs: where it shares a link with a client or a router, "
           "it takes their packets from the balancer",
           "sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2"});
    } else {
      findings.push_back({Verdict::kOk, "this host does not answer ARP for its VIPs", ""});
    }
  }
  return findings;
}

Result<HostFacts> Gather(const std::string& interface, const std::vector<DecapAddress>& clients) {
  HostFacts facts;
  facts.interface = interface;
  const Result<uint32_t> mtu = MtuOf(interface);
  if (!mtu.ok()) return mtu.status();
  facts.mtu = *mtu;
  std::vector<DecapPrefix> vips;
  const Result<Report> report = Read(interface);
  if (!report.ok() && report.status().code() == StatusCode::kPermissionDenied) {
    return report.status();
  }
  facts.attached = report.ok();
  if (report.ok()) {
    for (const VipReport& vip : report->vips) vips.push_back(vip.prefix);
  } else {
    const Result<std::vector<InterfaceAddress>> on_lo = InterfaceAddresses("lo");
    if (!on_lo.ok()) return on_lo.status();
    for (const InterfaceAddress& address : *on_lo) vips.push_back(address.subnet);
  }
  for (const DecapPrefix& vip : vips) {
    const Result<Route> route = RouteTo(LastHost(vip));
    facts.vips.push_back({vip, route.ok() && route->local});
  }
  DecapAddress client4 = *ParseAddress("198.51.100.1"), client6 = *ParseAddress("2001:db8::1");
  for (const DecapAddress& client : clients) (IsIpv4(client) ? client4 : client6) = client;
  facts.back4 = Found(RouteTo(client4));
  facts.back6 = Found(RouteTo(client6));
  facts.rp_filter = Sysctl(interface, "rp_filter");
  facts.arp_ignore = Sysctl(interface, "arp_ignore");
  return facts;
}

}  // namespace flyover::decap
