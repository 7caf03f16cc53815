#include "router/datapath/hold_table.h"

#include "common/datapath/stage_context.h"

namespace flyover::router {

HoldTable::Target* HoldTable::Find(PortIndex port, const IpAddress& address) {
  Target* free_target = nullptr;
  for (Target& target : targets_) {
    if (!target.used) {
      if (free_target == nullptr) free_target = &target;
    } else if (target.port == port && target.address == address) {
      return &target;
    }
  }
  return free_target;
}

HoldTable::Outcome HoldTable::Hold(rte_mbuf* m, const PacketMeta& meta, PortIndex port,
                                   const IpAddress& target_address, uint64_t now, uint64_t tsc_hz) {
  Target* const target = Find(port, target_address);
  if (target == nullptr) return {.displaced = m};
  Outcome outcome;
  if (!target->used) {
    target->used = true;
    target->port = port;
    target->address = target_address;
    target->first = now;
    target->count = 0;
    target->oldest = 0;
    ++targets_in_use_;
    outcome.ask = true;
  } else if (now - target->asked_at >= tsc_hz) {
    outcome.ask = true;
  }
  if (outcome.ask) target->asked_at = now;
  if (target->count == kPerTarget) {
    outcome.displaced = target->packets[target->oldest].m;
    target->oldest = (target->oldest + 1) % kPerTarget;
    --target->count;
  }
  target->packets[(target->oldest + target->count++) % kPerTarget] = {m, meta};
  return outcome;
}

const HeldPacket* HoldTable::Front(unsigned target) const {
  const Target& t = targets_[target];
  return t.used ? &t.packets[t.oldest] : nullptr;
}

bool HoldTable::AskAgain(unsigned target, uint64_t now, uint64_t tsc_hz) {
  Target& t = targets_[target];
  if (now - t.asked_at < tsc_hz + tsc_hz / 8) return false;
  t.asked_at = now;
  return true;
}

void HoldTable::Release(unsigned target, Burst& out) {
  Target& t = targets_[target];
  out.size = 0;
  for (; t.count > 0; --t.count, t.oldest = (t.oldest + 1) % kPerTarget) {
    out.pkt[out.size] = t.packets[t.oldest].m;
    out.meta[out.size] = t.packets[t.oldest].meta;
    ++out.size;
  }
  t.used = false;
  --targets_in_use_;
}

void HoldTable::CountHeld(HeldCounts& counts) const {
  for (const Target& target : targets_) {
    if (!target.used) continue;
    for (unsigned n = 0; n < target.count; ++n) {
      ++counts[SourceOf(target.packets[(target.oldest + n) % kPerTarget].m).value()];
    }
  }
}

}  // namespace flyover::router
