// A persistent multi-queue TAP: a port's face in the kernel.
//
// The device outlives the process (TUNSETPERSIST) and a later one adopts it with its addresses,
// routes and neighbours. Carrier stays only while some queue is attached or detached-but-open: that
// is what the holder is for (tap_holder_client.h).
//
// In front of each frame stands a TapHeader (IFF_VNET_HDR). Flyover writes large frames
// with it (segment_merger.h); the kernel is offered nothing, so what it sends are whole frames of
// at most the MTU, with complete checksums, and a header of zeros.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/status.h"
#include "common/net/mac_address.h"
#include "common/tap/unique_fd.h"

namespace flyover {

struct TapOptions {
  std::string name;  // interface name, 1 to 15 characters
  std::string network_namespace;
  std::optional<MacAddress> mac;  // none: what the kernel chose
  uint16_t mtu = 1500;
  bool no_arp = false;  // point-to-point: the kernel asks for no neighbours
};

// Threads: the control thread; the queue's fd may be given to another.
class TapDevice {
 public:
  // Opens a queue of the TAP, making the device where there is none; sets MAC and MTU. The device
  // is not brought up: its sysctls come first (TapSysctls).
  // Errors name the interface and say what would help: /dev/net/tun is missing, the name belongs to
  // a device of another kind, no CAP_NET_ADMIN.
  static Result<TapDevice> Open(const TapOptions& options);
  TapDevice(TapDevice&&) = default;
  TapDevice& operator=(TapDevice&&) = default;

  const std::string& name() const { return options_.name; }
  const std::string& network_namespace() const { return options_.network_namespace; }
  // The device was there before and was adopted.
  bool adopted() const { return adopted_; }
  int if_index() const { return if_index_; }

  // The open queue, non-blocking. The caller owns it from then on; once only.
  UniqueFd TakeQueue() { return std::move(queue_); }
  // A second queue that is detached again: it takes no traffic and keeps carrier (for the holder).
  Result<UniqueFd> OpenDetachedQueue() const;

  Status SetMac(const MacAddress& mac);
  Status SetMtu(uint16_t mtu);
  // `ip link set NAME up|down`.
  Status SetUp(bool up);
  // What `ip link` shows as carrier. REQUIRES: the device has an open queue.
  Status SetCarrier(bool carrier);
  // What `ethtool NAME` shows.
  Status SetSpeed(uint32_t mbit_per_second, bool full_duplex);

 private:
  Status SetFlag(int flag, bool on);

  TapDevice(TapOptions options, UniqueFd queue, UniqueFd config)
      : options_(std::move(options)), queue_(std::move(queue)), config_(std::move(config)) {}

  TapOptions options_;
  UniqueFd queue_;
  UniqueFd carrier_;  // a duplicate of the queue: carrier is set through it after TakeQueue
  UniqueFd config_;   // a datagram socket in the namespace, for interface ioctls
  int if_index_ = 0;
  bool adopted_ = false;
};

}  // namespace flyover
