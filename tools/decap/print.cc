#include "tools/decap/print.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "tools/decap/addresses.h"

namespace flyover::decap {
namespace {

std::vector<std::string> Texts(const std::vector<std::pair<uint8_t, DecapAddress>>& dscps) {
  std::vector<std::string> texts;
  texts.reserve(dscps.size());
  for (const auto& [dscp, vip] : dscps) {
    texts.push_back(fmt::format("{}={}", dscp, FormatAddress(vip)));
  }
  return texts;
}

std::string Join(const std::vector<std::string>& texts, const char* quote) {
  std::string out;
  for (const std::string& text : texts) {
    out += fmt::format("{}{}{}{}", out.empty() ? "" : ", ", quote, text, quote);
  }
  return out;
}

template <typename Key>
std::vector<std::string> Sorted(const std::vector<Key>& keys, std::string (*format)(const Key&)) {
  std::vector<std::string> texts;
  texts.reserve(keys.size());
  for (const Key& key : keys) texts.push_back(format(key));
  std::sort(texts.begin(), texts.end());
  return texts;
}

// As they are shown, in the order of their names.
std::vector<std::pair<std::string, VipReport>> ByName(const Report& report) {
  std::vector<std::pair<std::string, VipReport>> vips;
  for (const VipReport& vip : report.vips) vips.emplace_back(FormatPrefix(vip.prefix), vip);
  std::sort(vips.begin(), vips.end(), [](auto& a, auto& b) { return a.first < b.first; });
  return vips;
}

std::vector<std::string> Names(const Report& report) {
  std::vector<std::string> names;
  for (const auto& [name, vip] : ByName(report)) names.push_back(name);
  return names;
}

std::string Addresses(const std::vector<DecapAddress>& addresses, const char* quote) {
  return Join(Sorted(addresses, FormatAddress), quote);
}

const char* NameOf(Mode mode) { return mode == Mode::kNative ? "native" : "generic"; }

const char* NameOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk:
      return "ok";
    case Verdict::kWarning:
      return "warning";
    case Verdict::kFailure:
      break;
  }
  return "failure";
}

}  // namespace

std::string Listed(const std::vector<DecapAddress>& addresses) { return Addresses(addresses, ""); }

std::string Listed(const std::vector<DecapPrefix>& prefixes) {
  return Join(Sorted(prefixes, FormatPrefix), "");
}

void PrintJson(const std::string& interface, const Report& report) {
  std::string counters;
  size_t i = 0;
#define X(name, label, help) \
  counters += fmt::format("{}\"{}\": {}", i == 0 ? "" : ", ", label, report.counters[i]), ++i;
  DECAP_COUNTERS(X)
#undef X
  std::string vips;
  for (const auto& [name, vip] : ByName(report)) {
    vips += fmt::format("{}\"{}\": {{\"packets\": {}, \"bytes\": {}}}", vips.empty() ? "" : ", ",
                        name, vip.packets, vip.bytes);
  }
  fmt::print(
      "{{\"interface\": \"{}\", \"mode\": \"{}\", \"addresses\": [{}], \"vips\": [{}], "
      "\"dscps\": [{}], \"gue_port\": {}, \"counters\": {{{}}}, \"vip_counters\": {{{}}}}}\n",
      interface, NameOf(report.mode), Addresses(report.addresses, "\""), Join(Names(report), "\""),
      Join(Texts(report.dscps), "\""), report.gue_port, counters, vips);
}

void PrintPrometheus(const std::string& interface, const Report& report) {
  fmt::print(
      "# HELP flyover_decap_packets_total Packets of the interface by what was done with them\n"
      "# TYPE flyover_decap_packets_total counter\n");
  size_t i = 0;
#define X(name, label, help)                                                                   \
  fmt::print("flyover_decap_packets_total{{interface=\"{}\",counter=\"{}\"}} {}\n", interface, \
             label, report.counters[i]),                                                       \
      ++i;
  DECAP_COUNTERS(X)
#undef X
  const auto family = [&](const char* name, const char* help, uint64_t VipReport::*value) {
    fmt::print("# HELP {0} {1}\n# TYPE {0} counter\n", name, help);
    for (const auto& [vip, counts] : ByName(report)) {
      fmt::print("{}{{interface=\"{}\",vip=\"{}\"}} {}\n", name, interface, vip, counts.*value);
    }
  };
  family("flyover_decap_vip_packets_total", "Packets opened for a VIP", &VipReport::packets);
  family("flyover_decap_vip_bytes_total", "Bytes of the IP packets inside", &VipReport::bytes);
}

void PrintTable(const std::string& interface, const Report& report) {
  fmt::print("interface  {} ({} mode)\naddresses  {}\nvips       {}\n", interface,
             NameOf(report.mode), Addresses(report.addresses, ""), Join(Names(report), ""));
  if (report.gue_port != 0) fmt::print("gue port   {}\n", report.gue_port);
  if (!report.dscps.empty()) fmt::print("dscps      {}\n", Join(Texts(report.dscps), ""));
  fmt::print("\n");
  size_t i = 0;
#define X(name, label, help) \
  fmt::print("{:<14} {:>14}  {}\n", label, report.counters[i], help), ++i;
  DECAP_COUNTERS(X)
#undef X
  fmt::print("\n{:<40} {:>14} {:>16}\n", "VIP", "PACKETS", "BYTES");
  for (const auto& [name, vip] : ByName(report)) {
    fmt::print("{:<40} {:>14} {:>16}\n", name, vip.packets, vip.bytes);
  }
}

void PrintFindings(const std::vector<Finding>& findings, bool json) {
  std::string list;
  for (const Finding& finding : findings) {
    if (json) {
      list += fmt::format("{}{{\"verdict\": \"{}\", \"what\": \"{}\", \"remedy\": \"{}\"}}",
                          list.empty() ? "" : ", ", NameOf(finding.verdict), finding.what,
                          finding.remedy);
      continue;
    }
    list += fmt::format("{:<8} {}\n", NameOf(finding.verdict), finding.what);
    if (!finding.remedy.empty()) list += fmt::format("{:<8}   {}\n", "", finding.remedy);
  }
  fmt::print("{}", json ? fmt::format("{{\"findings\": [{}]}}\n", list) : list);
}

}  // namespace flyover::decap
