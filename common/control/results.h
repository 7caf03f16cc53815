// What each control command answers, as plain values: the daemon fills them, the CLI shows them,
// `--json` prints them. Field names are the JSON's; units are in the names; counters count since
// the daemon's start. A field that does not apply keeps its default. Readers ignore fields they do
// not know and take defaults for missing ones, so that CLI and daemon of neighbouring versions
// understand each other.
//
//   command           args                                      result
//   show.ports                                                  PortsResult
//   show.lcores       {stages}          "start", "stop"         LcoresResult
//   show.counters                                               CountersResult
//   show.drops                                                  DropsResult
//   show.routes       {limit, vrf}      0: all                  RoutesResult
//   show.route        {address, vrf}                            RouteExplainResult
//   show.sync         {diff, vrf}       true: compare           SyncResult
//   show.vrfs                                                   VrfsResult
//   show.neighbors                                              NeighborsResult
//   show.services                                               ServicesResult
//   show.vips                                                   VipsResult
//   show.backends                                               BackendsResult
//   show.handshakes                                             HandshakesResult
//   show.connections  {limit}                                   ConnectionsResult
//   show.config                                                 ConfigResult
//   show.journal      {limit}           0: all                  JournalResult
//   show.version                                                VersionResult
//   plan              {document, file, max_moved}               PlanResult
//   reload            {document, file, force}                   ReloadResult
//   commit            {document, file, force, confirm_seconds}  ReloadResult
//   confirm                                                     ConfirmResult
//   rollback                                                    ConfirmResult
//   box.drain, box.enable                                       BoxResult
//   stop                                                        BoxResult
//   backend.drain     {service, backend}                        BackendChangeResult
//   backend.enable    {service, backend}                        BackendChangeResult
//   backend.weight    {service, backend, weight}                BackendChangeResult
//
// Without `vrf` the main one is meant. Without `document` the daemon reads its own file again.
// Mistakes in a document come one a line in the error's message. `max_moved` counts hundredths of a
// percent.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace flyover {

struct BondMemberResult {
  std::string device;
  bool link_up = false;
  bool active = false;  // carries packets
};
struct PortResult {
  std::string name;
  std::string device;
  std::string driver;
  std::string tap;  // interface name in the kernel
  std::string vrf;
  std::string mac;
  uint32_t mtu = 0;  // L3 bytes
  bool link_up = false;
  bool admin_up = false;
  uint32_t speed_mbps = 0;  // 0: the device does not say
  uint32_t rx_queues = 0;
  uint32_t tx_queues = 0;
  uint64_t rx_packets = 0;
  uint64_t rx_bytes = 0;
  uint64_t tx_packets = 0;
  uint64_t tx_bytes = 0;
  uint64_t rx_missed = 0;  // the device had no descriptor free
  uint64_t rx_errors = 0;
  uint64_t rx_no_mbuf = 0;
  uint64_t tap_in_packets = 0;   // written to the kernel
  uint64_t tap_in_writes = 0;    // frames it took them as: joined TCP segments are one
  uint64_t tap_out_packets = 0;  // read from the kernel
  std::vector<std::string> addresses;
  std::vector<BondMemberResult> members;   // of a bond
  std::vector<std::string> features;       // what it does beyond forwarding: "urpf strict"
  std::vector<std::string> offloads = {};  // what the device does: "ipv4_checksum"
};
struct PortsResult {
  std::vector<PortResult> ports;
};

// Of rounds that were sampled; packets are those that came to the stage.
struct StageResult {
  std::string name;
  uint64_t packets = 0;
  uint64_t cycles = 0;
  double cycles_per_packet = 0;  // of the packets that the lcore received in these rounds
};
struct LcoreResult {
  uint32_t index = 0;
  uint32_t cpu = 0;
  uint32_t numa = 0;
  double busy_percent = 0;  // of the time since the last answer, or of the last second
  uint64_t busy_cycles = 0;
  uint64_t idle_cycles = 0;
  uint64_t packets = 0;
  uint64_t bursts = 0;
  uint64_t loop_max_us = 0;
  // How long bursts stayed here, from the loop's start until they were handed to the device: of all
  // since the start, to an eighth.
  double residence_p50_us = 0;
  double residence_p99_us = 0;
  double residence_p999_us = 0;
  bool sleeping = false;
  std::vector<std::string> ports_queues;  // "wan:0"
  std::vector<StageResult> stages;        // with --stages
};
struct LcoresResult {
  std::vector<LcoreResult> lcores;
};

// rx + from_kernel + generated + copies = tx + punted + dropped + buffered, exactly, or not
// balanced.
struct SourceResult {
  std::string name;
  std::string kind;  // port, tap, generated
  uint64_t rx = 0;
  uint64_t from_kernel = 0;
  uint64_t generated = 0;
  uint64_t copies = 0;
  uint64_t tx = 0;
  uint64_t punted = 0;
  uint64_t dropped = 0;
  // Held by threads and on rings between them. Each thread is counted at a moment of its own, so
  // while packets cross it may be a few below zero; the equation holds all the same.
  int64_t buffered = 0;
  bool balanced = true;
};
struct CountersResult {
  std::vector<SourceResult> sources;
  SourceResult total;  // name "total", kind ""
};
// Left side minus right side of the equation; 0: balanced.
int64_t LedgerDifference(const SourceResult& source);

struct DropResult {
  std::string reason;
  std::string help;
  uint64_t packets = 0;
  std::map<std::string, uint64_t> per_source;  // sources with a count only
};
struct PuntResult {
  std::string reason;
  std::string punt_class;
  std::string help;
  uint64_t packets = 0;
};
struct PuntClassResult {
  std::string name;
  std::string help;
  uint64_t rate_pps = 0;  // per lcore
  uint64_t policed = 0;
};
struct IcmpErrorResult {
  std::string type;
  uint64_t sent = 0;
  uint64_t limited = 0;  // refused by one of the rates
};
struct DropsResult {
  std::vector<DropResult> drops;  // every reason, zeros too
  std::vector<PuntResult> punts;
  std::vector<PuntClassResult> punt_classes;
  std::vector<IcmpErrorResult> icmp_errors;  // of the router
  uint64_t fragmented = 0;                   // IPv4 packets that were cut
  uint64_t fragments = 0;                    // the pieces
};

struct NexthopResult {
  std::string gateway;  // empty: on-link
  std::string port;
  uint32_t weight = 1;
  std::string state;  // resolved, unresolved, failed, port_down, ""
  std::string mac;    // of the neighbour, when resolved
};
struct RouteResult {
  std::string prefix;
  uint32_t metric = 0;
  std::string protocol;  // kernel, boot, static, bgp, ... or the number
  std::string action;    // forward, connected, local, blackhole, unreachable, prohibit, leak
  uint32_t mtu = 0;      // 0: the port's
  bool active = true;    // in the FIB (another route of the prefix has a lower metric otherwise)
  std::vector<NexthopResult> nexthops = {};
  std::string leak = {};  // the VRF that a leak is looked up in
  uint64_t packets = 0;   // of all routes with the same next hops; 0 where it is not active
};
// How full the tables of a family are.
struct RouteRoomResult {
  std::string family;  // ipv4, ipv6
  std::string state;   // room, nearly_full (from 90 % on), full
  uint64_t routes = 0;
  uint64_t route_limit = 0;
  uint64_t blocks = 0;  // of the table
  uint64_t block_limit = 0;
  uint64_t refused = 0;  // routes of the kernel that wait for room
};
struct RoutesResult {
  std::string vrf;
  std::vector<RouteResult> routes;  // leaks last
  std::vector<RouteRoomResult> room;
  uint64_t total = 0;  // routes there are; more than were asked for, perhaps
  uint64_t fib4_entries = 0;
  uint64_t fib6_entries = 0;
  uint64_t fib_memory_bytes = 0;  // entries never touched, which cost none, included
};
// A route on which the kernel and Flyover do not agree; an empty side has no such route.
struct SyncDifferenceResult {
  std::string prefix;
  uint32_t metric = 0;
  std::string kernel;
  std::string flyover;
};
struct RouteExplainResult {
  std::string address;
  std::string vrf;
  bool found = false;
  RouteResult route;    // when found
  std::string verdict;  // one sentence: what happens to a packet to this address
};

// What lcores do with a packet to one address, as their tables say.
struct LookupHopResult {
  std::string gateway;  // whom the packet goes to: for a neighbour the address itself
  std::string port;
  uint32_t mtu = 0;   // of the way; 0: not known yet
  std::string state;  // resolved, unresolved, failed
};
struct LookupResult {
  std::string address;
  std::string prefix;                          // of the route; empty: none
  std::string action;                          // as RouteResult's, or none, host_unreachable
  std::vector<LookupHopResult> nexthops = {};  // the flow's hash chooses among several
  std::string leak = {};                       // the VRF that it leaked into, and all else is of
};
struct LookupsResult {
  std::vector<LookupResult> lookups;  // in the order that was asked for
};

// Equal-cost next hops and how the flows are divided among them.
struct EcmpMemberResult {
  std::string gateway;
  std::string port;
  uint32_t weight = 1;
  std::string state;          // as NexthopResult's
  uint32_t buckets = 0;       // of the group; 0: its port is down
  double share_percent = 0;   // of the flows
  double wanted_percent = 0;  // what the weights of those that are up ask for
};
struct EcmpGroupResult {
  uint64_t group = 0;
  uint64_t routes = 0;   // that use it
  uint64_t packets = 0;  // of all of them
  uint32_t buckets = 0;
  double worst_error_percent = 0;  // of a member's share, relative to what its weight asks for
  // What the last change of members or weights did, in buckets; of `changed_of`, 0: none yet.
  uint32_t changed_moved = 0;
  uint32_t changed_least = 0;  // that had to move
  uint32_t changed_of = 0;
  std::vector<EcmpMemberResult> members;
};
struct EcmpResult {
  std::vector<EcmpGroupResult> groups;  // by number of routes; more than were asked for, perhaps
  uint64_t total = 0;
};

// How far Flyover follows the kernel.
struct SyncResult {
  std::string vrf;
  uint64_t kernel_routes = 0;  // prefix and metric pairs that the kernel has and Flyover follows
  uint64_t fib4_entries = 0;
  uint64_t fib6_entries = 0;
  uint64_t routes_refused = 0;  // for want of room, each once until it got in
  uint64_t routes_waiting = 0;  // those that still wait
  uint64_t routes_foreign = 0;  // messages about routes over interfaces that are no port's
  uint64_t messages = 0;        // of netlink, read
  uint64_t malformed = 0;
  uint64_t queue_bytes = 0;  // of messages not read yet
  double lag_seconds = 0;    // since when there is more to read than one turn takes
  uint64_t losses = 0;       // times the kernel dropped messages
  uint64_t resyncs = 0;      // complete dumps, the first one included
  uint64_t resyncs_failed = 0;
  bool resync_due = false;
  double resync_seconds = 0;  // duration of the last one
  double resync_age_seconds = 0;
  bool compared = false;                    // what follows was asked for
  std::vector<SyncDifferenceResult> leaks;  // of the document: no kernel can hold them
  uint64_t differences = 0;                 // in all; without leaks
  std::vector<SyncDifferenceResult> diff;   // the first ones
};

struct NeighborResult {
  std::string port;
  std::string address;
  std::string mac;
  std::string state;     // resolved, unresolved, failed
  uint64_t packets = 0;  // sent to it, since there is a way through it
  uint64_t held_packets = 0;
  std::string vrf = {};  // of the port
};
// A VIP as routing daemons are to see it (`balancer.announce`).
struct VipResult {
  std::string vip;
  std::vector<std::string> services;
  std::string state;  // announced, waiting_up, waiting_down (still announced), withdrawn, drained
  double since_seconds = 0;  // for so long
};
struct VipsResult {
  bool announces = false;  // else the document has no balancer.announce, and there are no VIPs here
  bool box_drained = false;
  std::vector<VipResult> vips = {};
};
struct BoxResult {
  bool drained = false;
};
struct VrfResult {
  std::string name;
  std::string network_namespace;  // empty: the daemon's own
  std::vector<std::string> ports;
  uint64_t kernel_routes = 0;
  uint64_t fib4_entries = 0;
  uint64_t fib6_entries = 0;
  uint64_t leaks = 0;
  double lag_seconds = 0;  // as SyncResult's
};
struct VrfsResult {
  std::vector<VrfResult> vrfs;
};
struct NeighborsResult {
  std::vector<NeighborResult> neighbors;
};

struct ServiceResult {
  std::string name;
  std::vector<std::string> vips;
  std::string protocol;
  std::string ports;  // "80", "8000-8100", "any"
  std::string forward;
  std::string affinity;
  uint32_t backends = 0;
  uint32_t backends_up = 0;
  std::string table_digest;  // sixteen hexadecimal digits; equal on boxes that choose alike
  uint32_t table_slots = 0;
  uint32_t kept_tables = 0;  // of before changes not long ago, that still answer
  uint64_t packets = 0;
  uint64_t bytes = 0;
  uint64_t connections_new = 0;
};
struct ServicesResult {
  std::vector<ServiceResult> services;
};

struct BackendResult {
  std::string service;
  std::string name;
  std::string address;
  std::string state;   // up, down, drained, unchecked, starting
  std::string reason;  // of the last change
  double since_seconds = 0;
  uint32_t weight = 0;            // of the document, or set by command
  uint32_t effective_weight = 0;  // 0 while down or drained
  double table_share_percent = 0;
  uint64_t packets = 0;
  uint64_t bytes = 0;
  uint64_t connections_new = 0;
  bool drained = false;  // by command
};
struct BackendsResult {
  std::vector<BackendResult> backends;
};

// What clients' packets tell of the TCP handshakes with a backend, of one flow in eight.
struct HandshakeResult {
  std::string service;
  std::string backend;
  uint64_t answered = 0;       // the client's ACK came
  uint64_t unanswered = 0;     // it did not
  uint64_t repeated = 0;       // SYNs that came again
  uint64_t reset = 0;          // by the client, before the answer or soon after its SYN
  uint32_t answer_p50_us = 0;  // from SYN to ACK, the client's way included: at most so long
  uint32_t answer_p99_us = 0;
  bool swallows = false;  // clients get no answer, though they do from the other backends
};
struct HandshakesResult {
  std::vector<HandshakeResult> backends = {};
};

// A table entry keeps eight bytes, so a flow is known by the tag of its hash, not by its addresses.
struct ConnectionResult {
  std::string flow;  // tag, eight hexadecimal digits
  std::string service;
  std::string backend;
  double idle_seconds = 0;
  uint32_t lcore = 0;
};
struct ConnectionsResult {
  uint64_t capacity = 0;
  uint64_t entries = 0;
  uint64_t created = 0;
  uint64_t expired = 0;
  uint64_t evicted = 0;                       // to make room
  std::vector<ConnectionResult> connections;  // up to the limit that was asked for
};

struct ConfigResult {
  std::string yaml;  // the running document, as it was given
  std::string file;
  uint64_t generation = 0;
  std::string loaded_at;  // RFC 3339, UTC
  // While the document waits for `confirm`: the time left, and what would come back.
  double confirm_seconds = 0;
  uint64_t rollback_generation = 0;
};

struct VersionResult {
  std::string version;
  std::string commit;
  std::string dpdk;
  std::string dataplane;  // its name
  int64_t pid = 0;
  double uptime_seconds = 0;
  double confirm_seconds = 0;  // as in ConfigResult
};

struct ReloadResult {
  uint64_t generation = 0;
  bool changed = true;
  std::vector<std::string> changes;  // "services.web.backends.web1.weight: 100 -> 50"
  double confirm_seconds = 0;        // commit: until it is rolled back
};

struct ConfirmResult {
  uint64_t generation = 0;  // that runs
  uint64_t was = 0;         // rollback: the one that went
};

// What a document would change (lb/control/change_plan.h explains the fields).
struct PlanBackendResult {
  std::string name;
  std::string address;
  std::string change;  // kept, added, removed
  double share_before_percent = 0;
  double share_after_percent = 0;
  uint32_t slots_lost = 0;
  uint32_t slots_gained = 0;
  uint64_t flows = 0;  // remembered
};
struct PlanServiceResult {
  std::string name;
  std::string change;  // kept, added, removed
  uint32_t slots = 0;
  uint32_t slots_moved = 0;
  uint32_t slots_least = 0;  // that the same shares could do with
  double moved_percent = 0;
  uint64_t flows = 0;         // remembered
  uint64_t flows_broken = 0;  // of them
  double broken_percent = 0;  // of the running flows that are not remembered
  std::vector<PlanBackendResult> backends;
};
struct PlanEndpointResult {
  std::string vip;
  std::string protocol;
  std::string ports;           // "80", "8000-8100", "any"
  std::string service_before;  // empty: none
  std::string service_after;
  double broken_percent = 0;
};
struct PlanResult {
  std::vector<std::string> changes;         // as a reload would list them
  std::vector<PlanServiceResult> services;  // that change
  uint32_t services_unchanged = 0;
  std::vector<PlanEndpointResult> endpoints;  // that get, lose or change their service
  std::vector<std::string> vips_added;
  std::vector<std::string> vips_removed;
  std::vector<std::string> vips_announced;  // to routing daemons (balancer.announce)
  std::vector<std::string> vips_withdrawn;  // from them
  bool box_drained = false;                 // so none is announced until `enable --box`
  double max_moved_percent = 0;             // the most of one service or endpoint
  bool limited = false;                     // there is a budget
  double limit_percent = 0;
  bool within = true;  // the budget
};

// What was done to the daemon, and by whom. Also a line of journal.jsonl in the runtime folder.
struct JournalMoveResult {
  std::string service;
  uint32_t slots = 0;
  uint32_t moved = 0;
  uint32_t least = 0;
};
struct JournalEntryResult {
  std::string time;  // RFC 3339, UTC
  uint32_t uid = 0;
  std::string user;  // empty: the uid has no name
  int64_t pid = 0;
  std::string command;  // as in the table above, or "start", "rollback" (in time, too)
  std::string outcome;  // done, refused
  std::string message;  // refused: why; backend.*: whom
  std::string file;
  uint64_t generation = 0;  // that ran afterwards
  std::vector<std::string> changes;
  uint64_t changes_total = 0;  // more than are kept, perhaps
  std::vector<JournalMoveResult> moved;
};
struct JournalResult {
  std::vector<JournalEntryResult> entries;  // the latest last
  uint64_t total = 0;                       // kept
};

struct BackendChangeResult {
  std::string service;
  std::string backend;
  uint32_t weight = 0;
  bool drained = false;
};

// nlohmann's hooks: `nlohmann::json j = result;` and `j.get_to(result)` (throws on a wrong type).
#define FLYOVER_CONTROL_RESULTS(X) \
  X(BondMemberResult)              \
  X(PortResult)                    \
  X(PortsResult)                   \
  X(StageResult)                   \
  X(LcoreResult)                   \
  X(LcoresResult)                  \
  X(SourceResult)                  \
  X(CountersResult)                \
  X(DropResult)                    \
  X(PuntResult)                    \
  X(PuntClassResult)               \
  X(DropsResult)                   \
  X(NexthopResult)                 \
  X(RouteResult)                   \
  X(RouteRoomResult)               \
  X(EcmpMemberResult)              \
  X(EcmpGroupResult)               \
  X(EcmpResult)                    \
  X(LookupHopResult)               \
  X(LookupResult)                  \
  X(LookupsResult)                 \
  X(RoutesResult)                  \
  X(RouteExplainResult)            \
  X(SyncDifferenceResult)          \
  X(SyncResult)                    \
  X(VipResult)                     \
  X(VipsResult)                    \
  X(BoxResult)                     \
  X(VrfResult)                     \
  X(VrfsResult)                    \
  X(NeighborResult)                \
  X(NeighborsResult)               \
  X(ServiceResult)                 \
  X(ServicesResult)                \
  X(BackendResult)                 \
  X(BackendsResult)                \
  X(HandshakeResult)               \
  X(HandshakesResult)              \
  X(ConnectionResult)              \
  X(ConnectionsResult)             \
  X(ConfigResult)                  \
  X(VersionResult)                 \
  X(ReloadResult)                  \
  X(ConfirmResult)                 \
  X(PlanBackendResult)             \
  X(PlanServiceResult)             \
  X(PlanEndpointResult)            \
  X(PlanResult)                    \
  X(JournalMoveResult)             \
  X(JournalEntryResult)            \
  X(JournalResult)                 \
  X(BackendChangeResult)
#define X(Type)                                      \
  void to_json(nlohmann::json& json, const Type& v); \
  void from_json(const nlohmann::json& json, Type& v);
FLYOVER_CONTROL_RESULTS(X)
#undef X

}  // namespace flyover
