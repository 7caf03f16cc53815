// One DPDK port: found, configured, started, asked for its state. Knows nothing of the kernel or of
// routes.
//
// Threads: control thread only, apart from the device's queues, which belong to lcores.
#pragma once

#include <rte_ethdev.h>
#include <rte_mempool.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/dpdk/bond.h"
#include "common/dpdk/probe.h"
#include "common/net/mac_address.h"

namespace flyover {

struct PortOptions {
  std::string device;      // PCI address or vdev, with arguments; of a bond its new name
  BondOptions bond;        // no members: a device
  uint16_t mtu = 1500;     // L3 bytes
  unsigned rx_queues = 1;  // wanted; a device may have fewer
  unsigned tx_queues = 1;
  std::optional<MacAddress> mac;
  bool promiscuous = false;
  bool rx_interrupts = false;        // asked for; not every device has them
  bool offloads = true;              // what the device can do of Offloads, it may
  std::vector<uint16_t> vlans = {};  // outer tags of frames that it shall let in
  rte_mempool* pool = nullptr;
};

// How a receive queue tells a sleeping lcore that it has a packet. Neither: it cannot.
struct RxEvent {
  int socket = -1;         // readable while there is one; the driver's own: only poll it
  bool interrupt = false;  // by rte_eth_dev_rx_intr_ctl_q and rte_eth_dev_rx_intr_enable
};

// What the device does for its frames. Nothing else is asked of devices: checksums of what passes
// are updated, never computed, so there is none to leave to them.
struct Offloads {
  bool ipv4_checksum = false;  // RTE_MBUF_F_RX_IP_CKSUM_GOOD spares a sum
  bool vlan_strip = false;     // takes the outer tag off (RTE_MBUF_F_RX_VLAN_STRIPPED)
  bool vlan_insert = false;    // puts an 802.1Q tag on (RTE_MBUF_F_TX_VLAN)
  std::vector<std::string> Names() const;
};

struct PortCounters {
  uint64_t rx_packets = 0;
  uint64_t rx_bytes = 0;
  uint64_t tx_packets = 0;
  uint64_t tx_bytes = 0;
  uint64_t rx_missed = 0;  // the device had no descriptor free
  uint64_t rx_errors = 0;
  uint64_t rx_no_mbuf = 0;  // the pool was empty
  uint64_t tx_errors = 0;
};

struct LinkState {
  bool up = false;
  uint32_t speed_mbps = 0;  // 0: the device does not say
};

class Port {
 public:
  // Probes and configures; Start starts. The message of an error says what DPDK said and what would
  // help.
  static Result<Port> Open(const PortOptions& options);
  Port(Port&&) noexcept = default;
  Port& operator=(Port&&) = delete;
  ~Port();  // stops and closes the device

  Status Start();
  void Stop();

  uint16_t dpdk_id() const { return id_; }
  unsigned rx_queues() const { return rx_queues_; }
  unsigned tx_queues() const { return tx_queues_; }
  const std::string& driver() const { return driver_; }
  const MacAddress& mac() const { return mac_; }
  unsigned numa_node() const { return numa_node_; }
  const Offloads& offloads() const { return offloads_; }

  // REQUIRES: started.
  RxEvent rx_event(unsigned queue) const;

  // Of a bond; else none.
  std::vector<BondMember> members() const;
  // Ten times a second.
  void FollowMembers() {
    if (bond_) FollowMemberLinks(id_);
  }

  LinkState link() const;
  PortCounters counters() const;
  // Where a device cannot set its MTU, larger packets are still dropped by the path; only a device
  // that would refuse frames of that size is an error.
  Status SetMtu(uint16_t mtu);
  // Addresses besides mac() whose frames the device must let in. A device that cannot filter by so
  // many becomes promiscuous.
  void SetVirtualMacs(const std::vector<MacAddress>& macs);
  // Administrative state: as `ip link set up|down`.
  Status SetLinkUp(bool up);

 private:
  Port() = default;
  Status Configure(const PortOptions& options);
  void ChooseOffloads(const PortOptions& options, const rte_eth_dev_info& info, rte_eth_conf& conf);

  // DPDK's number; who was moved from has none.
  struct Id {
    uint16_t value = UINT16_MAX;
    Id() = default;
    Id(Id&& other) noexcept : value(std::exchange(other.value, UINT16_MAX)) {}
    Id& operator=(uint16_t id) {
      value = id;
      return *this;
    }
    operator uint16_t() const { return value; }  // NOLINT(google-explicit-constructor)
  };

  Id id_;
  unsigned rx_queues_ = 0;
  unsigned tx_queues_ = 0;
  unsigned numa_node_ = 0;
  unsigned if_index_ = 0;  // of the kernel's interface below the device, 0: none
  bool rx_interrupts_ = false;
  bool bond_ = false;
  Offloads offloads_;
  std::vector<uint16_t> filtered_vlans_;  // to be let in; empty: the device does not filter
  std::string driver_;
  MacAddress mac_;
  std::vector<MacAddress> virtual_macs_;
};

}  // namespace flyover
