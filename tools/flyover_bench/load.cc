#include "tools/flyover_bench/load.h"

#include <array>

namespace flyover {
namespace {

const std::array kLoads = {
    Load{.name = "router-64", .what = "IPv4, 1,000 routes, 4,096 flows"},
    Load{.name = "router-one-route", .what = "IPv4, one route", .routes = 1},
    Load{.name = "router-full-table",
         .what = "IPv4, 1M routes of the lengths of a full table, 1M flows",
         .routes = 1'000'000,
         .flows = 1'000'000},
    Load{.name = "router-churn",
         .what = "as router-full-table, while 100,000 other routes flap on another CPU",
         .routes = 1'000'000,
         .churn = 100'000,
         .flows = 1'000'000},
    Load{.name = "router6-churn",
         .what = "as router6-full-table, while 20,000 other routes flap on another CPU",
         .ipv6 = true,
         .routes = 230'000,
         .churn = 20'000,
         .flows = 1'000'000},
    Load{.name = "router-230k",
         .what = "IPv4, 230k routes, 1M flows",
         .routes = 230'000,
         .flows = 1'000'000},
    Load{.name = "router-zipf",
         .what = "IPv4, 1M routes, 1M flows of which few send most",
         .routes = 1'000'000,
         .flows = 1'000'000,
         .choice = FlowChoice::kZipf},
    Load{.name = "router-ecmp", .what = "IPv4, routes with 4 next hops", .next_hops = 4},
    Load{.name = "router-imix", .what = "IPv4, IMIX sizes 7:4:1", .imix = true},
    Load{.name = "router-jumbo", .what = "IPv4, frames of 9,014 bytes", .frame = kLongestFrame},
    Load{.name = "router-fragments", .what = "IPv4, every packet in two fragments", .fragments = 1},
    Load{.name = "router6-64", .what = "IPv6, 1,000 routes, 4,096 flows", .ipv6 = true},
    Load{.name = "router6-full-table",
         .what = "IPv6, 230k routes, 1M flows",
         .ipv6 = true,
         .routes = 230'000,
         .flows = 1'000'000},
    Load{.name = "lb-ipip-4k", .what = "service, IPIP, 4,096 established flows", .services = 1},
    Load{.name = "lb-ipip-1m",
         .what = "service, IPIP, 1M established flows",
         .flows = 1'000'000,
         .services = 1},
    Load{.name = "lb-ipip-kept-4k",
         .what = "service, IPIP, 4,096 flows with entries, as a change would move them",
         .services = 1,
         .kept = true},
    Load{.name = "lb-ipip-kept-1m",
         .what = "service, IPIP, 1M flows with entries, as a change would move them",
         .flows = 1'000'000,
         .services = 1,
         .kept = true},
    Load{.name = "lb6-ipip-4k", .what = "IPv6 service, IPIP", .ipv6 = true, .services = 1},
    Load{.name = "lb-l2dsr-4k",
         .what = "service, L2-DSR, 4,096 established flows",
         .services = 1,
         .l2dsr = true},
    Load{.name = "lb-fragments",
         .what = "service, IPIP, half of the packets are fragments",
         .services = 1,
         .fragments = 0.5},
    Load{.name = "lb-1000-services", .what = "1,000 services, IPIP, 4,096 flows", .services = 1000},
    Load{.name = "lb-new-flows",
         .what = "service, IPIP, every packet a new flow",
         .services = 1,
         .new_flows = 1,
         .connections = 1u << 24},
    Load{.name = "lb-syn-flood",
         .what = "service, IPIP, half of all packets SYNs of new flows",
         .services = 1,
         .new_flows = 0.5,
         .syn = true,
         .connections = 1u << 24},
};

}  // namespace

std::span<const Load> Loads() { return kLoads; }

const Load* FindLoad(const std::string& name) {
  for (const Load& load : kLoads) {
    if (load.name == name) return &load;
  }
  return nullptr;
}

Status CheckLoad(const Load& load) {
  const auto refuse = [&](const std::string& why) {
    return Status(StatusCode::kInvalidArgument, load.name + ": " + why);
  };
  const uint16_t least = !load.ipv6 ? 60 : load.services > 0 ? 74 : 62;
  if (load.frame != 0 && (load.frame < least || load.frame > kLongestFrame)) {
    return refuse("frame " + std::to_string(load.frame) + "; accepted: " + std::to_string(least) +
                  " to " + std::to_string(kLongestFrame) + " bytes (without FCS)");
  }
  if (load.services > 0 && !load.l2dsr &&
      (load.imix || (load.frame > 1474 && load.frame <= kLongestFullFrame) ||
       load.frame > kLongestFrame - 40)) {
    return refuse(
        "a full frame does not fit an IPIP tunnel of the same MTU; accepted: frames of up "
        "to 1474 bytes, or 1515 to 8974");
  }
  if (load.new_flows > 0 && load.services == 0) {
    return refuse("new flows mean nothing to a router; accepted: with a load that has services");
  }
  if (load.fragments > 0 &&
      (load.imix || load.frame != 0 || load.new_flows > 0 || load.choice != FlowChoice::kUniform)) {
    return refuse("fragments are of the smallest frames and of flows one after the other");
  }
  if (load.replay != nullptr && (load.services > 0 || load.frame != 0 || load.imix ||
                                 load.fragments > 0 || load.choice != FlowChoice::kUniform)) {
    return refuse("the frames of a file are sent as they are; accepted: loads that are routed");
  }
  if (load.l2dsr && load.ipv6) return refuse("L2-DSR is measured with IPv4");
  if (load.services > 1000) return refuse("accepted: up to 1000 services");
  return Status::Ok();
}

}  // namespace flyover
