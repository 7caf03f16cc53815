// Where a flow goes that has no entry, and whether it needs one.
//
// In a steady table everything is decided by Maglev: nothing is remembered of any packet. For a
// time after a change (connections.change_window) the tables before it are kept, the oldest first
// in ServiceEntry::previous, and the rule is
//   1. a packet that opens a TCP connection goes where the present table says;
//   2. any other goes where the oldest kept table says, if that backend may keep flows;
//   3. the flow gets an entry exactly when the tables, kept and present, do not all say the same.
// A flow without an entry is therefore one of whom all tables since its birth say the same, so the
// oldest of them still kept names its backend (docs/loadbalancing.md has the proof and its limits).
#pragma once

#include "common/base/strong_id.h"
#include "common/net/flow_hash.h"
#include "lb/conntrack/connection_shard.h"
#include "lb/service/service_table.h"

namespace flyover::lb {

struct FlowChoice {
  bool found = false;     // else the service has no backend for it
  bool remember = false;  // it needs an entry
  BackendId backend;
};

// Whether a flow that goes to `backend` may go on doing so. `opens`: the packet opens a TCP
// connection.
bool MayKeepBackend(const ServiceTable& table, ServiceId service, BackendId backend, bool opens);

// Whether a flow goes where its entry says: that still counts.
bool MayFollow(const ServiceTable& table, ServiceId service, const ConnectionHit& hit, bool opens);

// What the present table says, which is all in a steady service.
inline FlowChoice ChoosePresent(const ServiceEntry& service, uint32_t slice) {
  const uint16_t i = service.maglev->Lookup(slice);
  if (i == MaglevTable::kNone) [[unlikely]]
    return {};
  return {.found = true, .backend = service.pool[i]};
}

// The whole rule. REQUIRES: the service has previous tables.
FlowChoice ChooseUnsettled(const ServiceTable& table, ServiceId service, uint32_t slice,
                           const HashKey& key, const FlowFacts& facts, bool opens);

// `slice`: SliceOf(the service's rule, `key`, the flow's facts); `key`: the data plane's flow key;
// `facts` gives the facts, asked for only where tables are kept. With `affinity: packet` the
// present table alone decides, and nothing is remembered.
template <typename Facts>
FlowChoice ChooseBackend(const ServiceTable& table, ServiceId id, uint32_t slice,
                         const HashKey& key, Facts facts, bool opens) {
  const ServiceEntry& service = table.Service(id);
  if (service.previous.empty()) [[likely]]
    return ChoosePresent(service, slice);
  return ChooseUnsettled(table, id, slice, key, facts(), opens);
}

}  // namespace flyover::lb
