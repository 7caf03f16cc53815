#include "lb/datapath/fragment_table.h"

#include <algorithm>

#include "common/datapath/stage_context.h"
#include "common/net/headers.h"

namespace flyover::lb {
namespace {

uint32_t TickOf(uint64_t value) { return static_cast<uint32_t>(value); }

// The identification in the fragment header, which ip_input has seen. It stands between the IP
// header and l4_offset.
uint32_t Ipv6Identification(rte_mbuf* m, const PacketMeta& meta) {
  uint8_t next = HeaderAt<Ipv6Header>(m, meta.l3_offset)->next_header;
  unsigned at = meta.l3_offset + static_cast<unsigned>(sizeof(Ipv6Header));
  while (at + sizeof(Ipv6FragmentHeader) <= meta.l4_offset) {
    const auto* const header = HeaderAt<uint8_t>(m, at);
    if (next == kProtoFragment) return HeaderAt<Ipv6FragmentHeader>(m, at)->id.raw();
    next = header[0];
    at += (header[1] + 1u) * 8;
  }
  return 0;
}

}  // namespace

uint64_t FragmentKey(const HashKey& key, rte_mbuf* m, const PacketMeta& meta) {
  uint64_t hash;
  if ((meta.flags & kIpv6) != 0) {
    const auto* const ip = HeaderAt<Ipv6Header>(m, meta.l3_offset);
    hash = HashIpv6Flow(key, ip->src, Ipv6Identification(m, meta), kProtoFragment);
  } else {
    const auto* const ip = HeaderAt<Ipv4Header>(m, meta.l3_offset);
    hash = HashIpv4Flow(key, ip->src.host(), ip->dst.host(), ip->id.host(),
                        uint32_t{ip->protocol} << 8 | kProtoFragment);
  }
  return hash | 1;
}

std::optional<FragmentTable::Target> FragmentTable::Find(uint64_t key, uint32_t tick) const {
  const size_t set = SetOf(key);
  for (size_t i = set; i < set + kWays; ++i) {
    const Entry& entry = entries_[i];
    if (entry.key.load(std::memory_order_acquire) != key) continue;
    const uint64_t value = entry.value.load(std::memory_order_acquire);
    if (entry.key.load(std::memory_order_acquire) != key) continue;
    if (tick - TickOf(value) > kLifetime) return std::nullopt;
    return Target{ServiceId(static_cast<uint16_t>(value >> 48)),
                  BackendId(static_cast<uint16_t>(value >> 32))};
  }
  return std::nullopt;
}

std::optional<FragmentTable::Target> FragmentTable::FindAnywhere(
    const std::vector<const FragmentTable*>& others, uint64_t key, uint32_t tick) const {
  std::optional<Target> target = Find(key, tick);
  for (size_t n = 0; !target && n < others.size(); ++n) target = others[n]->Find(key, tick);
  return target;
}

void FragmentTable::Write(Entry& entry, uint64_t key, uint64_t value) {
  entry.key.store(0, std::memory_order_release);
  entry.value.store(value, std::memory_order_release);
  entry.key.store(key, std::memory_order_release);
}

void FragmentTable::Learn(uint64_t key, const Target& target, uint32_t tick) {
  Entry* const ways = &entries_[SetOf(key)];
  unsigned place = 0;
  while (place < kWays && ways[place].key.load(std::memory_order_relaxed) != key) ++place;
  if (place == kWays) {
    // The youngest in front. Whoever looks meanwhile may find one twice, none not at all.
    for (unsigned w = kWays - 1; w > 0; --w) {
      Write(ways[w], ways[w - 1].key.load(std::memory_order_relaxed),
            ways[w - 1].value.load(std::memory_order_relaxed));
    }
    place = 0;
  }
  Write(ways[place], key,
        uint64_t{target.service.value()} << 48 | uint64_t{target.backend.value()} << 32 | tick);
}

rte_mbuf* FragmentTable::Hold(rte_mbuf* m, const PacketMeta& meta, uint64_t key, uint32_t tick) {
  if (held_count_ < kMostHeld) {
    HeldAt(held_count_++) = {m, meta, key, tick};
    return nullptr;
  }
  Held& oldest = HeldAt(0);
  rte_mbuf* const displaced = oldest.m;
  oldest = {m, meta, key, tick};
  first_held_ = (first_held_ + 1) % kMostHeld;
  return displaced;
}

void FragmentTable::Release(const std::vector<const FragmentTable*>& others, uint32_t tick,
                            Burst& ready, Burst& late) {
  ready.size = late.size = 0;
  unsigned kept = 0;
  for (unsigned i = 0; i < held_count_; ++i) {
    const Held held = HeldAt(i);
    const bool known = FindAnywhere(others, held.key, tick).has_value();
    if (!known && tick - held.since < kPatience) {
      HeldAt(kept++) = held;
      continue;
    }
    Burst& to = known ? ready : late;
    to.pkt[to.size] = held.m;
    to.meta[to.size++] = held.meta;
  }
  held_count_ = kept;
}

void FragmentTable::ReleaseAll(Burst& all) {
  all.size = 0;
  for (unsigned i = 0; i < held_count_; ++i) {
    all.pkt[all.size] = HeldAt(i).m;
    all.meta[all.size++] = HeldAt(i).meta;
  }
  held_count_ = 0;
}

void FragmentTable::CountHeld(HeldCounts& counts) const {
  for (unsigned i = 0; i < held_count_; ++i) ++counts[SourceOf(HeldAt(i).m).value()];
}

}  // namespace flyover::lb
