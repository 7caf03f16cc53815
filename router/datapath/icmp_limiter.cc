#include "router/datapath/icmp_limiter.h"

#include "common/net/byte_order.h"
#include "common/net/ip_prefix.h"

namespace flyover::router {

IcmpLimiter::IcmpLimiter(const IcmpErrorConfig& config, const HashKey& key, uint64_t tsc_hz)
    : key_(key),
      ipv4_length_(config.per_source.ipv4_length),
      ipv6_length_(config.per_source.ipv6_length),
      all_(config.rate, config.burst, tsc_hz) {
  for (size_t t = 0; t < kIcmpErrorTypes; ++t) {
    types_[t] = TokenBucket(config.type_rate[t], config.burst, tsc_hz);
  }
  sources_.fill(TokenBucket(config.per_source.rate, config.per_source.burst, tsc_hz));
}

TokenBucket& IcmpLimiter::BucketOf(const IpAddress& source) {
  const IpAddress prefix = MaskAddress(source, source.is_v4() ? ipv4_length_ : ipv6_length_);
  const auto& bytes = prefix.bytes();
  const uint64_t hash = Mum(LoadUnaligned<uint64_t>(bytes.data()) ^ key_.a,
                            LoadUnaligned<uint64_t>(bytes.data() + 8) ^ key_.b);
  return sources_[ReduceHash(static_cast<uint32_t>(hash >> 16), kSourceBuckets)];
}

bool IcmpLimiter::Take(IcmpErrorType type, const IpAddress& source, uint64_t now) {
  const auto t = static_cast<size_t>(type);
  // The narrowest first: what one source is refused does not use up what the others may have.
  if (!BucketOf(source).Take(now)) {
    ++limited_by_source_;
  } else if (types_[t].Take(now) && all_.Take(now)) {
    ++sent_[t];
    return true;
  }
  ++limited_[t];
  return false;
}

}  // namespace flyover::router
