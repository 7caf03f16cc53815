// Integers that cannot be swapped: PortIndex and LcoreIndex are different types although both count
// from 0.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string_view>

namespace flyover {

template <typename Tag, typename Rep>
class StrongId {
 public:
  using rep = Rep;
  constexpr StrongId() = default;
  constexpr explicit StrongId(Rep value) : value_(value) {}
  constexpr Rep value() const { return value_; }
  constexpr auto operator<=>(const StrongId&) const = default;

 private:
  Rep value_ = 0;
};

// A port of the document, be it a device or stacked on one, counted from 0 in the document's order.
// Not DPDK's port id.
using PortIndex = StrongId<struct PortIndexTag, uint8_t>;
// A forwarding lcore, counted from 0. Not DPDK's lcore id.
using LcoreIndex = StrongId<struct LcoreIndexTag, uint8_t>;
// An entry of router/fib's adjacency table.
using AdjacencyId = StrongId<struct AdjacencyIdTag, uint32_t>;
// What a FIB lookup returns: an entry of router/fib's next-hop group table. 0 means "no route".
using GroupId = StrongId<struct GroupIdTag, uint32_t>;
// A routing instance, counted from 0: the main one, then the document's `vrfs` in order.
using VrfIndex = StrongId<struct VrfIndexTag, uint8_t>;
// A backend of the balancer. Never reused while a connection entry points at it.
using BackendId = StrongId<struct BackendIdTag, uint16_t>;

inline constexpr unsigned kMaxPorts = 120;   // 2 * kMaxPorts + 1 sources fit in a byte
inline constexpr unsigned kMaxDevices = 32;  // ports that DPDK opens
inline constexpr unsigned kMaxLcores = 64;
inline constexpr PortIndex kNoPort{0xff};
inline constexpr unsigned kMaxVrfs = kMaxPorts;  // one without ports has no use
inline constexpr VrfIndex kMainVrf{0};
inline constexpr std::string_view kMainVrfName = "main";

}  // namespace flyover

template <typename Tag, typename Rep>
struct std::hash<flyover::StrongId<Tag, Rep>> {
  size_t operator()(const flyover::StrongId<Tag, Rep>& id) const noexcept {
    return std::hash<Rep>()(id.value());
  }
};
