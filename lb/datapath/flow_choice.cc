#include "lb/datapath/flow_choice.h"

#include <algorithm>

#include "lb/service/affinity.h"

namespace flyover::lb {

bool MayKeepBackend(const ServiceTable& table, ServiceId service, BackendId backend, bool opens) {
  const BackendEntry& entry = table.Backend(backend);
  if (entry.service != service) return false;
  switch (entry.state) {
    case BackendState::kActive:
      return true;
    case BackendState::kDrained:
      return !opens;
    case BackendState::kDown:
      // A failed check is no proof: moving an established connection breaks it for certain, and a
      // client of a dead server opens a new one. UDP has nothing that could break.
      return !opens && table.Service(service).protocol == Protocol::kTcp;
    case BackendState::kAbsent:
      return false;
  }
  return false;
}

bool MayFollow(const ServiceTable& table, ServiceId service, const ConnectionHit& hit, bool opens) {
  const uint16_t timeout = table.Service(service).timeout;
  return hit.idle <= (hit.brief ? std::min(timeout, ConnectionTimeouts::kBrief) : timeout) &&
         MayKeepBackend(table, service, hit.backend, opens);
}

FlowChoice ChooseUnsettled(const ServiceTable& table, ServiceId id, uint32_t slice,
                           const HashKey& key, const FlowFacts& facts, bool opens) {
  const ServiceEntry& service = table.Service(id);
  FlowChoice choice = ChoosePresent(service, slice);
  if (!service.Unsettled(slice) || service.rule.kind == Affinity::kPacket) return choice;
  choice.remember = true;
  if (opens) return choice;
  const PoolTable& oldest = service.previous.front();
  const uint16_t i = oldest.maglev->Lookup(SliceOf(oldest.rule, key, facts));
  if (i != MaglevTable::kNone && MayKeepBackend(table, id, oldest.pool[i], opens)) {
    choice.found = true;
    choice.backend = oldest.pool[i];
  }
  return choice;
}

}  // namespace flyover::lb
