#include "tools/flyoverd/dataplane/port_features.h"

namespace flyover {
namespace {

constexpr uint16_t kTcpIpv4Headers = 40;
constexpr uint16_t kTcpIpv6Headers = 60;

}  // namespace

void SetPortFeatures(const PortFeatures& features, router::PortEntry& entry) {
  entry.features = 0;
  switch (features.urpf) {
    case ReversePathCheck::kOff:
      break;
    case ReversePathCheck::kStrict:
      entry.features |= router::kRpfStrict;
      break;
    case ReversePathCheck::kLoose:
      entry.features |= router::kRpfLoose;
      break;
    case ReversePathCheck::kFeasible:
      entry.features |= router::kRpfFeasible;
      break;
  }
  if (!features.fragment) entry.features |= router::kNoFragments;
  if (features.dscp) {
    entry.features |= router::kMarkDscp;
    entry.dscp = *features.dscp;
  }
  if (features.tcp_mss) {
    entry.features |= router::kClampMss;
    const uint16_t of_mtu = static_cast<uint16_t>(entry.mtu - kTcpIpv4Headers);
    entry.mss4 = *features.tcp_mss != 0 ? *features.tcp_mss : of_mtu;
    entry.mss6 = static_cast<uint16_t>(entry.mss4 - (kTcpIpv6Headers - kTcpIpv4Headers));
  }
}

std::vector<std::string> DescribeFeatures(const PortFeatures& features) {
  std::vector<std::string> words;
  if (features.urpf != ReversePathCheck::kOff) {
    words.push_back("urpf " + std::string(kReversePathNames[static_cast<size_t>(features.urpf)]));
  }
  if (!features.fragment) words.emplace_back("fragment off");
  if (features.tcp_mss) {
    words.push_back("tcp_mss " +
                    (*features.tcp_mss == 0 ? "auto" : std::to_string(*features.tcp_mss)));
  }
  if (features.dscp) words.push_back("dscp " + std::to_string(*features.dscp));
  if (features.directed_broadcast) words.emplace_back("directed_broadcast on");
  return words;
}

}  // namespace flyover
