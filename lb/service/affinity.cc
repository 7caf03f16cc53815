#include "lb/service/affinity.h"

#include <array>
#include <cstring>

namespace flyover::lb {
namespace {

// Tells these hashes from those of flows.
constexpr uint32_t kUse = 0xaff1;

}  // namespace

AffinityRule RuleOf(const ServiceConfig& service) {
  AffinityRule rule;
  rule.kind = service.affinity;
  if (service.affinity != Affinity::kSourcePrefix) return rule;
  rule.ipv4_length = service.affinity_prefix.ipv4;
  rule.ipv6_length = service.affinity_prefix.ipv6;
  return rule;
}

uint32_t SourceSlice(const AffinityRule& rule, const HashKey& key, const FlowFacts& facts) {
  const uint32_t port = rule.kind == Affinity::kSourceAndPort ? LoadBe16(facts.ports + 2) : 0u;
  if (!facts.v6) {
    const uint32_t mask = rule.ipv4_length == 0 ? 0 : ~uint32_t{0} << (32 - rule.ipv4_length);
    return MaglevSlice(HashIpv4Flow(key, LoadBe32(facts.source) & mask, 0, port, kUse));
  }
  std::array<uint8_t, 32> addresses{};
  const unsigned bytes = rule.ipv6_length / 8;
  std::memcpy(addresses.data(), facts.source, bytes);
  if (const unsigned rest = rule.ipv6_length % 8; rest != 0) {
    addresses[bytes] = static_cast<uint8_t>(facts.source[bytes] & (0xff00u >> rest));
  }
  return MaglevSlice(HashIpv6Flow(key, addresses.data(), port, kUse));
}

}  // namespace flyover::lb
