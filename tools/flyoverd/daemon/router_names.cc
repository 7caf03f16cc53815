#include "tools/flyoverd/daemon/router_names.h"

#include <linux/rtnetlink.h>

#include "router/control/protocol_numbers.h"

namespace flyover {

using router::AdjacencyState;
using router::NexthopAction;

std::string PortName(const std::vector<std::string>& ports, PortIndex port) {
  return port.value() < ports.size() ? ports[port.value()] : "";
}

std::string ProtocolName(uint8_t protocol) {
  switch (protocol) {
    case RTPROT_REDIRECT:
      return "redirect";
    case RTPROT_KERNEL:
      return "kernel";
    case RTPROT_BOOT:
      return "boot";
    case RTPROT_STATIC:
      return "static";
    case RTPROT_RA:
      return "ra";
    case RTPROT_ZEBRA:
      return "zebra";
    case RTPROT_BIRD:
      return "bird";
    case RTPROT_DHCP:
      return "dhcp";
    case RTPROT_BGP:
      return "bgp";
    case RTPROT_ISIS:
      return "isis";
    case RTPROT_OSPF:
      return "ospf";
    case RTPROT_RIP:
      return "rip";
    case router::kStaticProtocol:
      return "flyover";
    default:
      return std::to_string(protocol);
  }
}

std::string ActionName(NexthopAction action) {
  switch (action) {
    case NexthopAction::kForward:
      return "forward";
    case NexthopAction::kGlean:
      return "connected";
    case NexthopAction::kLocal:
      return "local";
    case NexthopAction::kBroadcast:
      return "broadcast";
    case NexthopAction::kBlackhole:
      return "blackhole";
    case NexthopAction::kUnreachable:
      return "unreachable";
    case NexthopAction::kProhibit:
      return "prohibit";
    case NexthopAction::kHostUnreachable:
      return "host_unreachable";
    case NexthopAction::kLeak:
      return "leak";
    case NexthopAction::kNoRoute:
      break;
  }
  return "none";
}

std::string StateName(AdjacencyState state) {
  switch (state) {
    case AdjacencyState::kResolved:
      return "resolved";
    case AdjacencyState::kFailed:
      return "failed";
    case AdjacencyState::kUnresolved:
      break;
  }
  return "unresolved";
}

}  // namespace flyover
