#include "router/fib/fib4.h"

#include <string>

#include "router/fib/nexthop_group.h"

namespace flyover::router {
namespace {

Status CheckPrefix(const IpPrefix& prefix) {
  if (prefix.family() == IpFamily::kIpv4) return Status::Ok();
  return Status(StatusCode::kInvalidArgument, prefix.ToString() + " is not an IPv4 prefix");
}

}  // namespace

Fib4::Fib4(uint32_t tbl8_groups, Pages pages)
    : tbl24_(size_t{1} << 24, pages),
      tbl8_((size_t{tbl8_groups} + 1) * 256, pages),
      tbl8_pool_(std::make_shared<BlockPool>(tbl8_groups)),
      tbl8_rules_(size_t{tbl8_groups} + 1) {
  static_assert(kGroupBits <= kLengthShift);
}

uint32_t Fib4::CoveringEntry(uint32_t address, unsigned length) const {
  const auto masked = [address](unsigned l) { return address & (~uint32_t{0} << (32 - l)); };
  // Their misses overlap; up to 31 of them one after the other would dominate a withdrawal.
  for (unsigned l = length - 1; l > 0; --l) {
    if (rules_by_length_[l] != 0) rules_.Prefetch(RuleKey(masked(l), l));
  }
  for (unsigned l = length - 1; l > 0; --l) {
    if (rules_by_length_[l] == 0) continue;
    const uint32_t* const group = rules_.Find(RuleKey(masked(l), l));
    if (group != nullptr) return Encode(l, *group);
  }
  return 0;
}

template <typename Replace>
void Fib4::Fill(Entry* first, size_t count, uint32_t entry, Replace replace) {
  for (Entry* e = first; e != first + count; ++e) {
    const uint32_t old = e->load(std::memory_order_relaxed);
    if ((old & kExtended) != 0) {
      Fill(Tbl8(old & ~kExtended), 256, entry, replace);
    } else if (replace(LengthOf(old))) {
      e->store(entry, std::memory_order_release);
    }
  }
}

uint32_t Fib4::AllocateTbl8(QsbrDomain& qsbr) {
  uint32_t group = tbl8_pool_->Allocate(1);
  if (group == BlockPool::kNone) {
    qsbr.Reclaim();
    group = tbl8_pool_->Allocate(1);
  }
  return group;
}

Status Fib4::Add(const IpPrefix& prefix, GroupId group, QsbrDomain& qsbr) {
  if (Status status = CheckPrefix(prefix); !status.ok()) return status;
  if (group.value() == 0 || group.value() >> kGroupBits != 0) {
    return Status(StatusCode::kInvalidArgument, "group " + std::to_string(group.value()) +
                                                    " is not in [1, 2^" +
                                                    std::to_string(kGroupBits) + ")");
  }
  const uint32_t address = prefix.address().v4().value;
  const unsigned length = prefix.length();
  const uint64_t key = RuleKey(address, length);
  const bool known = rules_.Find(key) != nullptr;
  const uint32_t entry = Encode(length, group.value());
  const auto replace = [length](unsigned l) { return l <= length; };

  if (length == 0) {
    default_.store(group.value(), std::memory_order_release);
  } else if (length <= 24) {
    Fill(&tbl24_[address >> 8], size_t{1} << (24 - length), entry, replace);
  } else {
    Entry& slot = tbl24_[address >> 8];
    const uint32_t old = slot.load(std::memory_order_relaxed);
    const size_t count = size_t{1} << (32 - length);
    uint32_t tbl8 = old & ~kExtended;
    if ((old & kExtended) != 0) {
      Fill(Tbl8(tbl8) + (address & 0xff), count, entry, replace);
    } else {
      tbl8 = AllocateTbl8(qsbr);
      if (tbl8 == BlockPool::kNone) {
        return Status(StatusCode::kResourceExhausted,
                      prefix.ToString() + ": all " + std::to_string(tbl8_groups()) +
                          " groups for prefixes longer than /24 are in use");
      }
      tbl8_rules_[tbl8] = 0;
      for (unsigned i = 0; i < 256; ++i) Tbl8(tbl8)[i].store(old, std::memory_order_relaxed);
      Fill(Tbl8(tbl8) + (address & 0xff), count, entry, replace);
      slot.store(kExtended | tbl8, std::memory_order_release);
    }
    if (!known) ++tbl8_rules_[tbl8];
  }
  rules_[key] = group.value();
  if (!known) ++rules_by_length_[length];
  return Status::Ok();
}

Status Fib4::Remove(const IpPrefix& prefix, QsbrDomain& qsbr) {
  if (Status status = CheckPrefix(prefix); !status.ok()) return status;
  const uint32_t address = prefix.address().v4().value;
  const unsigned length = prefix.length();
  if (!rules_.Erase(RuleKey(address, length))) {
    return Status(StatusCode::kNotFound, prefix.ToString() + " is not in the table");
  }
  --rules_by_length_[length];
  if (length == 0) {
    default_.store(0, std::memory_order_release);
    return Status::Ok();
  }
  const uint32_t cover = CoveringEntry(address, length);
  // Inside this prefix, entries of its length are its own.
  const auto replace = [length](unsigned l) { return l == length; };
  if (length <= 24) {
    Fill(&tbl24_[address >> 8], size_t{1} << (24 - length), cover, replace);
    return Status::Ok();
  }
  Entry& slot = tbl24_[address >> 8];
  const uint32_t tbl8 = slot.load(std::memory_order_relaxed) & ~kExtended;
  if (--tbl8_rules_[tbl8] != 0) {
    Fill(Tbl8(tbl8) + (address & 0xff), size_t{1} << (32 - length), cover, replace);
    return Status::Ok();
  }
  // The last one: what covers it covers the whole /24.
  slot.store(cover, std::memory_order_release);
  BlockPool::Retire(tbl8_pool_, {{tbl8, 1}}, qsbr);
  return Status::Ok();
}

}  // namespace flyover::router
