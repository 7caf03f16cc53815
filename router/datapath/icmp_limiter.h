// How many ICMP errors may leave (RFC 1812 4.3.2.8, RFC 4443 2.4 (f)): in all, of each type, and to
// each prefix of sources. One per lcore, only it touches it.
//
// A flood of one type or from one network uses up its own share and not that of the others. Source
// prefixes share a fixed number of buckets by a keyed hash: two may meet in one, none has more than
// its rate.
#pragma once

#include <array>
#include <cstdint>

#include "common/datapath/token_bucket.h"
#include "common/net/flow_hash.h"
#include "common/net/ip_address.h"
#include "router/config/router_config.h"

namespace flyover::router {

class IcmpLimiter {
 public:
  static constexpr unsigned kSourceBuckets = 1024;

  // Refuses everything until it is given rates.
  IcmpLimiter() = default;
  IcmpLimiter(const IcmpErrorConfig& config, const HashKey& key, uint64_t tsc_hz);

  // Whether an error of `type` may answer `source`. Counts either way.
  bool Take(IcmpErrorType type, const IpAddress& source, uint64_t now);

  // By IcmpErrorType: allowed, and refused for whatever reason.
  const std::array<uint64_t, kIcmpErrorTypes>& sent() const { return sent_; }
  const std::array<uint64_t, kIcmpErrorTypes>& limited() const { return limited_; }
  uint64_t limited_by_source() const { return limited_by_source_; }

 private:
  TokenBucket& BucketOf(const IpAddress& source);

  HashKey key_{};
  uint8_t ipv4_length_ = 0;
  uint8_t ipv6_length_ = 0;
  TokenBucket all_;
  std::array<TokenBucket, kIcmpErrorTypes> types_;
  std::array<TokenBucket, kSourceBuckets> sources_;
  std::array<uint64_t, kIcmpErrorTypes> sent_{};
  std::array<uint64_t, kIcmpErrorTypes> limited_{};
  uint64_t limited_by_source_ = 0;
};

}  // namespace flyover::router
