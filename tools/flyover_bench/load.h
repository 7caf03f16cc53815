// What is sent in a measurement, and the table of named loads (`flyover bench list`).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "common/base/status.h"

namespace flyover {

struct Replay;

// Without FCS: of a port of MTU 1500, and of one of MTU 9000.
inline constexpr uint16_t kLongestFullFrame = 1514;
inline constexpr uint16_t kLongestFrame = 9014;

enum class FlowChoice : uint8_t {
  kUniform,  // one after the other: every packet another flow, so another line of every table
  kZipf,     // a few flows send most packets (exponent 1.0)
};

struct Load {
  std::string name;
  std::string what;  // for `list`
  bool ipv6 = false;
  uint32_t routes = 1000;
  uint32_t other_routes = 0;  // of the family that is not sent
  uint32_t churn = 0;         // routes beside those, which nothing is sent to, that flap meanwhile
  uint32_t flows = 4096;
  FlowChoice choice = FlowChoice::kUniform;
  uint16_t frame = 0;      // bytes without FCS; 0: the smallest that holds the headers
  bool imix = false;       // 7:4:1 of the smallest, 570 and 1514 bytes
  unsigned next_hops = 1;  // of each route (ECMP)
  unsigned services = 0;   // 0: packets are routed
  unsigned backends = 16;  // of each service
  bool l2dsr = false;      // else IPIP
  // The services had one backend when their flows began: nearly all flows need entries.
  bool kept = false;
  double new_flows = 0;                       // share of packets that open a flow of their own
  bool syn = false;                           // these packets are SYNs: a flood
  double fragments = 0;                       // share of packets that are fragments, two of each
  std::shared_ptr<const Replay> replay = {};  // these frames are sent; null: made ones
  uint32_t connections = 1u << 21;
};

// All named loads.
std::span<const Load> Loads();
const Load* FindLoad(const std::string& name);

// What is impossible with this load, for people; ok when it can be built.
Status CheckLoad(const Load& load);

}  // namespace flyover
