#include "tools/flyoverd/document/document_check.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/strong_id.h"
#include "common/config/address_check.h"
#include "lb/config/port_range.h"

namespace flyover {
namespace {

constexpr size_t kMaxBackends = 32'768;  // over all services; ids of backends are 16 bits wide

class AddressCheck {
 public:
  AddressCheck(const ConfigValue& document, ConfigReport& report)
      : document_(document), report_(report) {}

  void Run() {
    CollectPorts();
    CollectBackends();
    for (const ConfigValue& service : document_.ItemsOf("services")) {
      for (const ConfigValue& vip : service.ItemsOf("vip")) CheckVip(service, vip);
    }
    CheckBackends();
    CheckDscps();
    CheckSources(document_.Find("balancer"));
    for (const ConfigValue& service : document_.ItemsOf("services")) CheckSources(&service);
  }

 private:
  using Owners = std::map<IpAddress, std::string>;  // address -> path of who has it first

  void CollectPorts() {
    for (const ConfigValue& port : document_.ItemsOf("ports")) {
      // Services are of the main VRF.
      const ConfigValue* const vrf = port.Find("vrf");
      if (vrf != nullptr && vrf->As<std::string>() != kMainVrfName) continue;
      for (const ConfigValue& address : port.ItemsOf("addresses")) {
        const auto& value = address.As<InterfaceAddress>();
        ports_.emplace(value.address, port.path);
        subnets_.push_back(value);
      }
    }
  }

  void CollectBackends() {
    size_t count = 0;
    for (const ConfigValue& service : document_.ItemsOf("services")) {
      for (const ConfigValue& backend : service.ItemsOf("backends")) {
        if (++count == kMaxBackends + 1) {
          report_.Error(backend.key_at, backend.path,
                        "is one backend too many; accepted: at most " +
                            std::to_string(kMaxBackends) + " in all services");
        }
        if (const ConfigValue* const address = backend.Find("address")) {
          backends_.emplace(address->As<IpAddress>(), backend.path);
        }
      }
    }
  }

  void Refuse(const ConfigValue& where, const std::string& owner, const std::string& accepted) {
    report_.Error(where.at, where.path,
                  Quoted(where.As<IpAddress>().ToString()) + " is also the address of " + owner +
                      "; accepted: " + accepted);
  }

  // False and an error when `owners` have the address.
  bool IsFree(const ConfigValue& where, const Owners& owners, const std::string& accepted) {
    const auto owner = owners.find(where.As<IpAddress>());
    if (owner == owners.end()) return true;
    Refuse(where, owner->second, accepted);
    return false;
  }

  // An address of a connected subnet must be one that a host may have there.
  void CheckInSubnet(const ConfigValue& where) {
    const auto& address = where.As<IpAddress>();
    for (const InterfaceAddress& subnet : subnets_) {
      if (!address.is_v4() || !subnet.Subnet().Contains(address)) continue;
      const std::string_view why = WhyNotInterfaceAddress({address, subnet.length});
      if (why.empty() || !WhyNotUnicast(address).empty()) continue;
      report_.Error(where.at, where.path,
                    Quoted(address.ToString()) + " " + std::string(why) + " (" +
                        subnet.Subnet().ToString() +
                        "); accepted: an address that a host may have");
      return;
    }
  }

  static IpPrefix VipOf(const ConfigValue& vip) {
    return vip.Is<IpPrefix>() ? vip.As<IpPrefix>() : IpPrefix(vip.As<IpAddress>());
  }
  // nullopt: was faulty, and reported.
  static std::optional<lb::PortRange> PortsOf(const ConfigValue& service) {
    const ConfigValue* const port = service.Find("port");
    if (port == nullptr) return std::nullopt;
    if (!port->Is<uint64_t>()) return lb::PortRange::Parse(port->As<std::string>());
    return lb::PortRange::One(static_cast<uint16_t>(port->As<uint64_t>()));
  }

  // False and an error when an address that `owners` have is in the prefix.
  bool HoldsNone(const ConfigValue& where, const IpPrefix& prefix, const Owners& owners) {
    for (auto owner = owners.lower_bound(prefix.address());
         owner != owners.end() && prefix.Contains(owner->first); ++owner) {
      report_.Error(where.at, where.path,
                    Quoted(prefix.ToString()) + " holds " + owner->first.ToString() +
                        ", the address of " + owner->second +
                        "; accepted: a prefix without addresses of this box and of backends");
      return false;
    }
    return true;
  }

  void CheckVip(const ConfigValue& service, const ConfigValue& vip) {
    const IpPrefix prefix = VipOf(vip);
    if (vip.Is<IpAddress>()) {
      const std::string accepted = "an address that nobody else has";
      if (!IsFree(vip, ports_, accepted) || !IsFree(vip, backends_, accepted)) return;
      CheckInSubnet(vip);
    } else if (!HoldsNone(vip, prefix, ports_) || !HoldsNone(vip, prefix, backends_)) {
      return;
    }
    vips_.emplace(prefix, service.path);
    const ConfigValue* const protocol = service.Find("protocol");
    const auto ports = PortsOf(service);
    if (protocol == nullptr || !ports) return;
    const std::string& name = protocol->As<std::string>();
    auto& taken = services_[{prefix, name}];
    for (const auto& [other, path] : taken) {
      // A single port goes before a range, and that before any.
      const bool same_kind = other.IsOne() == ports->IsOne() && other.IsAny() == ports->IsAny();
      if (!same_kind || !other.Overlaps(*ports)) continue;
      report_.Error(vip.at, vip.path,
                    Quoted(prefix.ToHostOrPrefix()) + " with " + name + " port " +
                        ports->ToString() + (other == *ports ? " is" : " overlaps what is") +
                        " already " + (path == service.path ? "listed" : "that of " + path) +
                        "; accepted: every VIP, protocol and port once");
      return;
    }
    taken.emplace_back(*ports, service.path);
  }

  void CheckBackends() {
    for (const ConfigValue& service : document_.ItemsOf("services")) {
      for (const ConfigValue& backend : service.ItemsOf("backends")) {
        const ConfigValue* const address = backend.Find("address");
        if (address == nullptr) continue;
        if (IsFree(*address, ports_, "the address of another machine")) CheckInSubnet(*address);
      }
    }
  }

  // The DSCP of an l3dsr packet is all that tells a backend which VIP it was for.
  void CheckDscps() {
    for (const ConfigValue& service : document_.ItemsOf("services")) {
      const ConfigValue* const forward = service.Find("forward");
      const ConfigValue* const dscp = service.Find("dscp");
      const std::vector<ConfigValue>& vips = service.ItemsOf("vip");
      if (forward == nullptr || dscp == nullptr || vips.size() != 1) continue;
      if (forward->As<std::string>() != "l3dsr") continue;
      const auto value = dscp->As<uint64_t>();
      const IpPrefix vip = VipOf(vips[0]);
      for (const ConfigValue& backend : service.ItemsOf("backends")) {
        const ConfigValue* const address = backend.Find("address");
        if (address == nullptr) continue;
        const auto [first, is_new] = dscps_.emplace(std::pair(address->As<IpAddress>(), value),
                                                    std::pair(vip, service.path));
        if (is_new || first->second.first == vip) continue;
        report_.Error(address->at, address->path,
                      Quoted(address->As<IpAddress>().ToString()) + " already takes DSCP " +
                          std::to_string(value) + " for " + first->second.first.ToHostOrPrefix() +
                          " (" + first->second.second +
                          "); accepted: a DSCP of its own for every VIP of a backend");
      }
    }
  }

  // Replies to a source that is a VIP or a backend would go astray. A port's address is fine.
  void CheckSources(const ConfigValue* section) {
    const ConfigValue* const source = section == nullptr ? nullptr : section->Find("source");
    if (source == nullptr) return;
    for (const ConfigValue& address : source->items) {
      const std::string accepted = "an address of this box that is no VIP";
      if (IsNoVip(address, accepted)) IsFree(address, backends_, accepted);
    }
  }

  bool IsNoVip(const ConfigValue& where, const std::string& accepted) {
    const auto& address = where.As<IpAddress>();
    const auto holds = [&](const auto& vip) { return vip.first.Contains(address); };
    const auto vip = std::find_if(vips_.begin(), vips_.end(), holds);
    if (vip == vips_.end()) return true;
    if (vip->first.IsHost()) {
      Refuse(where, vip->second, accepted);
    } else {
      report_.Error(where.at, where.path,
                    Quoted(address.ToString()) + " lies in the VIP " + vip->first.ToString() +
                        " of " + vip->second + "; accepted: " + accepted);
    }
    return false;
  }

  const ConfigValue& document_;
  ConfigReport& report_;
  Owners ports_, backends_;
  std::map<IpPrefix, std::string> vips_;  // -> path of the service that has it first
  std::vector<InterfaceAddress> subnets_;
  // VIP and protocol -> ports and who has them.
  std::map<std::pair<IpPrefix, std::string>, std::vector<std::pair<lb::PortRange, std::string>>>
      services_;
  // Of l3dsr: backend and DSCP -> VIP and the service's path.
  std::map<std::pair<IpAddress, uint64_t>, std::pair<IpPrefix, std::string>> dscps_;
};

}  // namespace

void CheckAddresses(const ConfigValue& document, ConfigReport& report) {
  AddressCheck(document, report).Run();
}

}  // namespace flyover
