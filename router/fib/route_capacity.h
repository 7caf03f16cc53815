// How many routes of the kernel there is room for, and how large the tables are for that.
//
// What is bounded: prefix and metric pairs, by family. Own addresses, broadcast addresses and
// connected routes count but are never refused, so that a full table does not cost the router its
// links. Tables may also run out of blocks (IPv4: /24s with longer prefixes), if the routes are
// unlike those of the Internet; that is the same state with another cause.
//
// Plain values.
#pragma once

#include <algorithm>
#include <cstdint>

namespace flyover::router {

struct RouteCapacity {
  uint32_t ipv4 = 2'000'000;
  uint32_t ipv6 = 500'000;
  bool operator==(const RouteCapacity&) const = default;

  // Of a VRF that the document gives none.
  static constexpr RouteCapacity Small() { return {10'000, 10'000}; }
  // Few routes in large ranges: on huge pages every one of them could cost 2 MiB.
  bool is_small() const { return ipv4 <= 100'000 && ipv6 <= 100'000; }

  // A full table of 2026 has 20,000 /24s with longer prefixes in 1,000,000 routes, a router's own
  // subnets some more: one for 16 routes is plenty. In a small table each route may need its own.
  uint32_t tbl8_groups() const { return std::max(ipv4 / 16, std::min(ipv4, 1u << 16)) + 1024; }
  // A full table takes about a third of a cache line a route; unlike ones take up to three, and a
  // change takes a copy.
  uint32_t fib6_nodes() const { return std::max<uint32_t>(ipv6 * 8, 1u << 14); }
};

// A family's table, for `show` and for who watches it.
struct RouteFill {
  uint64_t routes = 0;       // of the kernel
  uint64_t route_limit = 0;  // RouteCapacity
  uint64_t blocks = 0;       // of the table, in use or in their grace period
  uint64_t block_limit = 0;
  // Of whatever is scarcer, 1: full.
  double share() const {
    const auto ratio = [](uint64_t used, uint64_t limit) {
      return limit == 0 ? 0.0 : static_cast<double>(used) / static_cast<double>(limit);
    };
    return std::max(ratio(routes, route_limit), ratio(blocks, block_limit));
  }
};

}  // namespace flyover::router
