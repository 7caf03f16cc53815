// Every metric the daemon exports, in one place: name, type, labels, help. docs/counters.md is made
// from this table. Renaming a metric or a label breaks dashboards. No label ever holds a client's
// address or anything of a packet, so the number of series is bounded by the document.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace flyover {

enum class MetricType : uint8_t { kCounter, kGauge };

// X(enumerator, name, type, labels separated by commas, help)
#define FLYOVER_METRIC_FAMILIES(X)                                                                 \
  X(kBuildInfo, "flyover_build_info", kGauge, "version,commit,dpdk", "always 1")                   \
  X(kStartTime, "flyover_start_time_seconds", kGauge, "", "when the daemon started, Unix time")    \
  X(kConfigGeneration, "flyover_config_generation", kGauge, "",                                    \
    "number of the running document, 1 at start")                                                  \
  X(kConfigLoadTime, "flyover_config_last_load_time_seconds", kGauge, "",                          \
    "when the running document was loaded, Unix time")                                             \
  X(kConfigReloadSuccess, "flyover_config_last_reload_success", kGauge, "",                        \
    "1: the last reload was taken; 0: it was refused")                                             \
  X(kConfigReloads, "flyover_config_reloads_total", kCounter, "result",                            \
    "reloads by result: ok, refused")                                                              \
  X(kPortUp, "flyover_port_up", kGauge, "port", "1: link is up and the port is not shut")          \
  X(kPortSpeed, "flyover_port_speed_bits_per_second", kGauge, "port",                              \
    "0: the device does not say")                                                                  \
  X(kPortMtu, "flyover_port_mtu_bytes", kGauge, "port", "L3 bytes")                                \
  X(kPortRxPackets, "flyover_port_rx_packets_total", kCounter, "port", "packets received")         \
  X(kPortRxBytes, "flyover_port_rx_bytes_total", kCounter, "port", "bytes received")               \
  X(kPortTxPackets, "flyover_port_tx_packets_total", kCounter, "port", "packets sent")             \
  X(kPortTxBytes, "flyover_port_tx_bytes_total", kCounter, "port", "bytes sent")                   \
  X(kPortRxMissed, "flyover_port_rx_missed_total", kCounter, "port",                               \
    "packets lost by the device as no descriptor was free")                                        \
  X(kPortRxErrors, "flyover_port_rx_errors_total", kCounter, "port",                               \
    "packets that the device received with an error")                                              \
  X(kPortRxNoMbuf, "flyover_port_rx_no_mbuf_total", kCounter, "port",                              \
    "receive descriptors not refilled as no packet buffer was free")                               \
  X(kTapIn, "flyover_tap_in_packets_total", kCounter, "port", "packets written to the kernel")     \
  X(kTapOut, "flyover_tap_out_packets_total", kCounter, "port", "packets read from the kernel")    \
  X(kLcoreBusyCycles, "flyover_lcore_busy_cycles_total", kCounter, "lcore,cpu",                    \
    "TSC cycles of loops that found packets")                                                      \
  X(kLcoreIdleCycles, "flyover_lcore_idle_cycles_total", kCounter, "lcore,cpu",                    \
    "TSC cycles of loops that found none, and asleep")                                             \
  X(kLcorePackets, "flyover_lcore_packets_total", kCounter, "lcore,cpu", "packets taken in")       \
  X(kLcoreBursts, "flyover_lcore_bursts_total", kCounter, "lcore,cpu", "bursts taken in")          \
  X(kLcoreLoopMax, "flyover_lcore_loop_max_seconds", kGauge, "lcore,cpu", "longest loop so far")   \
  X(kLcoreResidence, "flyover_lcore_residence_seconds", kGauge, "lcore,cpu,quantile",              \
    "how long bursts stayed on the lcore, of all since its start")                                 \
  X(kLcoreSleeping, "flyover_lcore_sleeping", kGauge, "lcore,cpu", "1: no packets, asleep")        \
  X(kLedgerIn, "flyover_ledger_in_packets_total", kCounter, "source,kind",                         \
    "packets by where they came from: rx, from_kernel, generated, copies")                         \
  X(kLedgerOut, "flyover_ledger_out_packets_total", kCounter, "source,kind",                       \
    "packets by where they went: tx, punted, dropped")                                             \
  X(kLedgerBuffered, "flyover_ledger_buffered_packets", kGauge, "source",                          \
    "packets held right now")                                                                      \
  X(kDrops, "flyover_drops_total", kCounter, "reason", "packets dropped, by reason")               \
  X(kPunts, "flyover_punts_total", kCounter, "reason,class", "packets given to the kernel")        \
  X(kPuntPoliced, "flyover_punt_policed_total", kCounter, "class",                                 \
    "packets over the rate of their punt class")                                                   \
  X(kIcmpErrors, "flyover_icmp_errors_total", kCounter, "type,outcome",                            \
    "ICMP errors of the router: sent, or limited by a rate")                                       \
  X(kFragmented, "flyover_fragmented_packets_total", kCounter, "",                                 \
    "IPv4 packets that were cut for a link")                                                       \
  X(kFragments, "flyover_fragments_total", kCounter, "", "pieces that they were cut into")         \
  X(kRoutes, "flyover_fib_routes", kGauge, "vrf,family", "entries of the FIB: ipv4, ipv6")         \
  X(kRouteLimit, "flyover_routes_limit", kGauge, "vrf,family",                                     \
    "routes of the kernel that there is room for")                                                 \
  X(kRouteFill, "flyover_routes_fill_ratio", kGauge, "vrf,family",                                 \
    "how full the table is, by whatever is scarcer, routes or blocks; 1: full")                    \
  X(kRoutesWaiting, "flyover_routes_refused", kGauge, "vrf,family",                                \
    "routes of the kernel that wait for room; shorter prefixes cover them")                        \
  X(kFibMemory, "flyover_fib_memory_bytes", kGauge, "family", "memory of the FIB")                 \
  X(kNeighbors, "flyover_neighbors", kGauge, "state", "neighbours: resolved, unresolved, failed")  \
  X(kServiceUp, "flyover_service_backends_up", kGauge, "service",                                  \
    "backends that take new connections")                                                          \
  X(kServiceTable, "flyover_service_table_digest", kGauge, "service",                              \
    "first 12 hexadecimal digits of the Maglev table's digest, as a number: equal on boxes that "  \
    "choose alike")                                                                                \
  X(kServiceTableSlots, "flyover_service_table_slots", kGauge, "service",                          \
    "slots of the Maglev table")                                                                   \
  X(kServiceKeptTables, "flyover_service_kept_tables", kGauge, "service",                          \
    "tables of before changes that still answer flows without an entry")                           \
  X(kTableMemory, "flyover_service_tables_bytes", kGauge, "", "memory of all Maglev tables")       \
  X(kServicePackets, "flyover_service_packets_total", kCounter, "service",                         \
    "packets sent to a backend of the service")                                                    \
  X(kServiceBytes, "flyover_service_bytes_total", kCounter, "service",                             \
    "bytes sent to a backend of the service, without outer headers")                               \
  X(kServiceConnections, "flyover_service_connections_new_total", kCounter, "service",             \
    "TCP packets with SYN and without ACK, repeats included")                                      \
  X(kBackendUp, "flyover_backend_up", kGauge, "service,backend", "1: takes new connections")       \
  X(kBackendWeight, "flyover_backend_weight", kGauge, "service,backend",                           \
    "0 while down or drained")                                                                     \
  X(kBackendShare, "flyover_backend_table_share_ratio", kGauge, "service,backend",                 \
    "share of the service's Maglev table")                                                         \
  X(kBackendPackets, "flyover_backend_packets_total", kCounter, "service,backend",                 \
    "packets sent to the backend")                                                                 \
  X(kBackendBytes, "flyover_backend_bytes_total", kCounter, "service,backend",                     \
    "bytes sent to the backend, without outer headers")                                            \
  X(kBackendConnections, "flyover_backend_connections_new_total", kCounter, "service,backend",     \
    "the same, by the backend they were given to")                                                 \
  X(kBackendHandshakes, "flyover_backend_handshakes_total", kCounter, "service,backend,result",    \
    "TCP handshakes seen from the clients' side, of one flow in eight: answered, unanswered, "     \
    "reset; and SYNs that came again: repeated")                                                   \
  X(kBackendAnswers, "flyover_backend_answers_total", kCounter, "service,backend,up_to_us",        \
    "answered handshakes by the time from SYN to the client's ACK: no longer than so many "        \
    "microseconds, longer than the next smaller label")                                            \
  X(kBackendSwallows, "flyover_backend_swallows", kGauge, "service,backend",                       \
    "1: clients got no answer in the last 30 seconds, though they did from the other backends")    \
  X(kConnections, "flyover_connections", kGauge, "", "entries of the connection tables")           \
  X(kConnectionInserts, "flyover_connections_inserted_total", kCounter, "", "entries made")        \
  X(kConnectionEvictions, "flyover_connections_evicted_total", kCounter, "",                       \
    "live entries that made room for another")                                                     \
  X(kConnectionCapacity, "flyover_connections_capacity", kGauge, "",                               \
    "entries the connection tables can hold")                                                      \
  X(kQsbrBacklog, "flyover_qsbr_backlog", kGauge, "",                                              \
    "retired objects waiting for every lcore to pass a quiescent point")                           \
  X(kMbufsFree, "flyover_mbufs_free", kGauge, "numa", "packet buffers not in use")                 \
  X(kLogLost, "flyover_log_lost_lines_total", kCounter, "", "log lines that could not be written") \
  X(kDroppedSeries, "flyover_metrics_dropped_series", kGauge, "",                                  \
    "series left out of this answer because a family had too many")

enum class MetricId : uint8_t {
#define X(name, metric, type, labels, help) name,
  FLYOVER_METRIC_FAMILIES(X)
#undef X
      kCount,
};
inline constexpr size_t kMetricCount = static_cast<size_t>(MetricId::kCount);

struct MetricInfo {
  std::string_view name;
  MetricType type;
  std::string_view labels;
  std::string_view help;
};
inline constexpr std::array<MetricInfo, kMetricCount> kMetricFamilies = {{
#define X(name, metric, type, labels, help) {metric, MetricType::type, labels, help},
    FLYOVER_METRIC_FAMILIES(X)
#undef X
}};
inline constexpr const MetricInfo& Info(MetricId id) {
  return kMetricFamilies[static_cast<size_t>(id)];
}

}  // namespace flyover
