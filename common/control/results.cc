#include "common/control/results.h"

#include <nlohmann/json.hpp>

namespace flyover {

// One line per struct, both directions. A missing field keeps the default
// (NLOHMANN_JSON_FROM_WITH_DEFAULT).
#define FLYOVER_RESULT(Type, ...)                                                           \
  void to_json(nlohmann::json& nlohmann_json_j, const Type& nlohmann_json_t) {              \
    nlohmann_json_j = nlohmann::json::object();                                             \
    NLOHMANN_JSON_EXPAND(NLOHMANN_JSON_PASTE(NLOHMANN_JSON_TO, __VA_ARGS__))                \
  }                                                                                         \
  void from_json(const nlohmann::json& nlohmann_json_j, Type& nlohmann_json_t) {            \
    const Type nlohmann_json_default_obj{};                                                 \
    NLOHMANN_JSON_EXPAND(NLOHMANN_JSON_PASTE(NLOHMANN_JSON_FROM_WITH_DEFAULT, __VA_ARGS__)) \
  }

FLYOVER_RESULT(BondMemberResult, device, link_up, active)
FLYOVER_RESULT(PortResult, name, device, driver, tap, vrf, mac, mtu, link_up, admin_up, speed_mbps,
               rx_queues, tx_queues, rx_packets, rx_bytes, tx_packets, tx_bytes, rx_missed,
               rx_errors, rx_no_mbuf, tap_in_packets, tap_in_writes, tap_out_packets, addresses,
               members, features, offloads)
FLYOVER_RESULT(PortsResult, ports)
FLYOVER_RESULT(StageResult, name, packets, cycles, cycles_per_packet)
FLYOVER_RESULT(LcoreResult, index, cpu, numa, busy_percent, busy_cycles, idle_cycles, packets,
               bursts, loop_max_us, residence_p50_us, residence_p99_us, residence_p999_us, sleeping,
               ports_queues, stages)
FLYOVER_RESULT(LcoresResult, lcores)
FLYOVER_RESULT(SourceResult, name, kind, rx, from_kernel, generated, copies, tx, punted, dropped,
               buffered, balanced)
FLYOVER_RESULT(CountersResult, sources, total)
FLYOVER_RESULT(DropResult, reason, help, packets, per_source)
FLYOVER_RESULT(PuntResult, reason, punt_class, help, packets)
FLYOVER_RESULT(PuntClassResult, name, help, rate_pps, policed)
FLYOVER_RESULT(IcmpErrorResult, type, sent, limited)
FLYOVER_RESULT(DropsResult, drops, punts, punt_classes, icmp_errors, fragmented, fragments)
FLYOVER_RESULT(NexthopResult, gateway, port, weight, state, mac)
FLYOVER_RESULT(RouteResult, prefix, metric, protocol, action, leak, mtu, active, nexthops, packets)
FLYOVER_RESULT(RouteRoomResult, family, state, routes, route_limit, blocks, block_limit, refused)
FLYOVER_RESULT(RoutesResult, vrf, routes, room, total, fib4_entries, fib6_entries, fib_memory_bytes)
FLYOVER_RESULT(RouteExplainResult, address, vrf, found, route, verdict)
FLYOVER_RESULT(EcmpMemberResult, gateway, port, weight, state, buckets, share_percent,
               wanted_percent)
FLYOVER_RESULT(EcmpGroupResult, group, routes, packets, buckets, worst_error_percent, changed_moved,
               changed_least, changed_of, members)
FLYOVER_RESULT(EcmpResult, groups, total)
FLYOVER_RESULT(LookupHopResult, gateway, port, mtu, state)
FLYOVER_RESULT(LookupResult, address, prefix, action, leak, nexthops)
FLYOVER_RESULT(LookupsResult, lookups)
FLYOVER_RESULT(SyncDifferenceResult, prefix, metric, kernel, flyover)
FLYOVER_RESULT(SyncResult, vrf, kernel_routes, fib4_entries, fib6_entries, routes_refused,
               routes_waiting, routes_foreign, messages, malformed, queue_bytes, lag_seconds,
               losses, resyncs, resyncs_failed, resync_due, resync_seconds, resync_age_seconds,
               compared, leaks, differences, diff)
FLYOVER_RESULT(VipResult, vip, services, state, since_seconds)
FLYOVER_RESULT(VipsResult, announces, box_drained, vips)
FLYOVER_RESULT(BoxResult, drained)
FLYOVER_RESULT(VrfResult, name, network_namespace, ports, kernel_routes, fib4_entries, fib6_entries,
               leaks, lag_seconds)
FLYOVER_RESULT(VrfsResult, vrfs)
FLYOVER_RESULT(NeighborResult, port, vrf, address, mac, state, packets, held_packets)
FLYOVER_RESULT(NeighborsResult, neighbors)
FLYOVER_RESULT(ServiceResult, name, vips, protocol, ports, forward, affinity, backends, backends_up,
               table_digest, table_slots, kept_tables, packets, bytes, connections_new)
FLYOVER_RESULT(ServicesResult, services)
FLYOVER_RESULT(BackendResult, service, name, address, state, reason, since_seconds, weight,
               effective_weight, table_share_percent, packets, bytes, connections_new, drained)
FLYOVER_RESULT(BackendsResult, backends)
FLYOVER_RESULT(HandshakeResult, service, backend, answered, unanswered, repeated, reset,
               answer_p50_us, answer_p99_us, swallows)
FLYOVER_RESULT(HandshakesResult, backends)
FLYOVER_RESULT(ConnectionResult, flow, service, backend, idle_seconds, lcore)
FLYOVER_RESULT(ConnectionsResult, capacity, entries, created, expired, evicted, connections)
FLYOVER_RESULT(ConfigResult, yaml, file, generation, loaded_at, confirm_seconds,
               rollback_generation)
FLYOVER_RESULT(VersionResult, version, commit, dpdk, dataplane, pid, uptime_seconds,
               confirm_seconds)
FLYOVER_RESULT(ReloadResult, generation, changed, changes, confirm_seconds)
FLYOVER_RESULT(ConfirmResult, generation, was)
FLYOVER_RESULT(PlanBackendResult, name, address, change, share_before_percent, share_after_percent,
               slots_lost, slots_gained, flows)
FLYOVER_RESULT(PlanServiceResult, name, change, slots, slots_moved, slots_least, moved_percent,
               flows, flows_broken, broken_percent, backends)
FLYOVER_RESULT(PlanEndpointResult, vip, protocol, ports, service_before, service_after,
               broken_percent)
FLYOVER_RESULT(PlanResult, changes, services, services_unchanged, endpoints, vips_added,
               vips_removed, vips_announced, vips_withdrawn, box_drained, max_moved_percent,
               limited, limit_percent, within)
FLYOVER_RESULT(JournalMoveResult, service, slots, moved, least)
FLYOVER_RESULT(JournalEntryResult, time, uid, user, pid, command, outcome, message, file,
               generation, changes, changes_total, moved)
FLYOVER_RESULT(JournalResult, entries, total)
FLYOVER_RESULT(BackendChangeResult, service, backend, weight, drained)

int64_t LedgerDifference(const SourceResult& s) {
  // Unsigned sums may wrap; their difference is right as long as it fits into 63 bits.
  return static_cast<int64_t>((s.rx + s.from_kernel + s.generated + s.copies) -
                              (s.tx + s.punted + s.dropped + static_cast<uint64_t>(s.buffered)));
}

}  // namespace flyover
