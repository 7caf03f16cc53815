#include "router/config/vrf_reader.h"

#include <map>
#include <string>

#include "common/config/machine_reader.h"
#include "common/config/machine_writer.h"

namespace flyover::router {

void ReadCapacity(const ConfigValue& section, RouteCapacity& capacity) {
  const ConfigValue* const value = section.Find("capacity");
  if (value == nullptr) return;
  value->Get("ipv4", capacity.ipv4);
  value->Get("ipv6", capacity.ipv6);
}

void WriteCapacity(const RouteCapacity& capacity, YamlWriter& out) {
  out.Begin("capacity");
  out.Put("ipv4", capacity.ipv4);
  out.Put("ipv6", capacity.ipv6);
  out.End();
}

std::vector<VrfConfig> ReadVrfs(const ConfigValue& document, ConfigReport& report) {
  std::vector<VrfConfig> vrfs;
  std::map<std::string, std::string> owners;  // namespace -> path
  owners.emplace(ReadKernel(document, report).network_namespace, "kernel");
  for (const ConfigValue& entry : document.ItemsOf("vrfs")) {
    VrfConfig& vrf = vrfs.emplace_back();
    vrf.name = entry.key;
    vrf.kernel = ReadKernelSection(entry, report);
    ReadCapacity(entry, vrf.capacity);
    if (vrf.name == kMainVrfName) {
      report.Error(
          entry.key_at, entry.path,
          Quoted(vrf.name) + " is what the VRF of `kernel` is called; accepted: another name");
    }
    const ConfigValue* const name = entry.Find("namespace");
    if (name == nullptr) continue;
    const std::string& text = vrf.kernel.network_namespace;
    if (text.empty()) {
      report.Error(name->at, name->path,
                   "a VRF needs a network namespace of its own; accepted: a name as in `ip netns`");
      continue;
    }
    const auto [first, is_new] = owners.emplace(text, entry.path);
    if (is_new) continue;
    report.Error(name->at, name->path,
                 Quoted(text) + " is also the namespace of " + first->second +
                     "; accepted: one for each VRF");
  }
  return vrfs;
}

void WriteVrfs(const std::vector<VrfConfig>& vrfs, YamlWriter& out) {
  if (vrfs.empty()) {
    out.Put("vrfs", "{}");
    return;
  }
  out.Begin("vrfs");
  for (const VrfConfig& vrf : vrfs) {
    out.Begin(YamlText(vrf.name));
    WriteKernelKeys(vrf.kernel, out);
    WriteCapacity(vrf.capacity, out);
    out.End();
  }
  out.End();
}

}  // namespace flyover::router
