// What the mirrors of the kernel's tables write to: the RIB, or a test's stand-in.
#pragma once

#include <cstdint>

#include "common/base/status.h"
#include "common/base/strong_id.h"
#include "common/net/ip_prefix.h"
#include "common/net/mac_address.h"
#include "router/rib/rib_types.h"

namespace flyover::router {

class RibSink {
 public:
  virtual ~RibSink() = default;
  // A change of the prefix follows soon.
  virtual void Prefetch(const IpPrefix&) const {}
  // An error means that nothing has changed.
  virtual Status UpsertRoute(const RibRoute& route) = 0;
  virtual Status RemoveRoute(const IpPrefix& prefix, uint32_t metric) = 0;
  virtual void SetNeighbor(PortIndex port, const IpAddress& address, const MacAddress& mac) = 0;
  virtual void SetNeighborFailed(PortIndex port, const IpAddress& address) = 0;
  virtual void RemoveNeighbor(PortIndex port, const IpAddress& address) = 0;
};

}  // namespace flyover::router
