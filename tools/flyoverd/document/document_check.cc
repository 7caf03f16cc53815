#include "tools/flyoverd/document/document_check.h"

#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "common/base/strong_id.h"
#include "common/config/address_check.h"

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

  void CheckVip(const ConfigValue& service, const ConfigValue& vip) {
    const auto& address = vip.As<IpAddress>();
    const std::string accepted = "an address that nobody else has";
    if (!IsFree(vip, ports_, accepted) || !IsFree(vip, backends_, accepted)) return;
    CheckInSubnet(vip);
    vips_.emplace(address, service.path);
    const ConfigValue* const protocol = service.Find("protocol");
    const ConfigValue* const port = service.Find("port");
    if (protocol == nullptr || port == nullptr) return;
    const auto key = std::tuple(address, protocol->As<std::string>(), port->As<uint64_t>());
    const auto [first, is_new] = services_.emplace(key, service.path);
    if (is_new) return;
    report_.Error(vip.at, vip.path,
                  Quoted(address.ToString()) + " with " + std::get<1>(key) + " port " +
                      std::to_string(std::get<2>(key)) + " is already " +
                      (first->second == service.path ? "listed" : "that of " + first->second) +
                      "; accepted: every VIP, protocol and port once");
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
      const auto& vip = vips[0].As<IpAddress>();
      for (const ConfigValue& backend : service.ItemsOf("backends")) {
        const ConfigValue* const address = backend.Find("address");
        if (address == nullptr) continue;
        const auto [first, is_new] = dscps_.emplace(std::pair(address->As<IpAddress>(), value),
                                                    std::pair(vip, service.path));
        if (is_new || first->second.first == vip) continue;
        report_.Error(address->at, address->path,
                      Quoted(address->As<IpAddress>().ToString()) + " already takes DSCP " +
                          std::to_string(value) + " for " + first->second.first.ToString() + " (" +
                          first->second.second +
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
      if (IsFree(address, vips_, accepted)) IsFree(address, backends_, accepted);
    }
  }

  const ConfigValue& document_;
  ConfigReport& report_;
  Owners ports_, backends_, vips_;
  std::vector<InterfaceAddress> subnets_;
  std::map<std::tuple<IpAddress, std::string, uint64_t>, std::string> services_;
  // Of l3dsr: backend and DSCP -> VIP and the service's path.
  std::map<std::pair<IpAddress, uint64_t>, std::pair<IpAddress, std::string>> dscps_;
};

}  // namespace

void CheckAddresses(const ConfigValue& document, ConfigReport& report) {
  AddressCheck(document, report).Run();
}

}  // namespace flyover
