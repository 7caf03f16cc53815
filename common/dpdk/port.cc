#include "common/dpdk/port.h"

#include <rte_errno.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "common/dpdk/packet_sockets.h"
#include "common/dpdk/probe.h"
#include "common/pci/pci_device.h"

namespace flyover {
namespace {

constexpr uint16_t kRxDescriptors = 1024;
constexpr uint16_t kTxDescriptors = 1024;

Status DpdkStatus(const std::string& what, int error) {
  return Status(StatusCode::kInternal, what + ": " + rte_strerror(error < 0 ? -error : error));
}

// Asking a device that has none would print errors of DPDK.
bool MayHaveRxInterrupts(const std::string& device) {
  if (IsPciDevice(device)) return true;
  const std::string name = DeviceNameOf(device);
  return name.starts_with("net_tap") || name.starts_with("net_memif") ||
         name.starts_with("net_virtio_user");
}

uint16_t MaxFrameOverhead(const rte_eth_dev_info& info) {
  const uint32_t overhead = info.max_rx_pktlen > info.max_mtu && info.max_mtu != UINT16_MAX
                                ? info.max_rx_pktlen - info.max_mtu
                                : RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
  return static_cast<uint16_t>(overhead);
}

}  // namespace

Port::~Port() {
  if (id_ == UINT16_MAX) return;
  Stop();
  rte_eth_dev_close(id_);
}

Result<Port> Port::Open(const PortOptions& options) {
  Port port;
  const Result<uint16_t> id = options.bond.members.empty()
                                  ? ProbeDevice(options.device)
                                  : CreateBond(options.device, options.bond);
  if (!id.ok()) return id.status();
  port.id_ = *id;
  port.bond_ = !options.bond.members.empty();
  if (Status status = port.Configure(options); !status.ok()) return status;
  return port;
}

Status Port::Configure(const PortOptions& options) {
  rte_eth_dev_info info;
  if (const int error = rte_eth_dev_info_get(id_, &info); error != 0) {
    return DpdkStatus("asking the device", error);
  }
  driver_ = info.driver_name;
  if_index_ = info.if_index;
  numa_node_ = static_cast<unsigned>(std::max(rte_eth_dev_socket_id(id_), 0));
  rx_queues_ = std::min<unsigned>(options.rx_queues, info.max_rx_queues);
  tx_queues_ = std::min<unsigned>(options.tx_queues, info.max_tx_queues);
  if (options.mtu > info.max_mtu ||
      (info.max_rx_pktlen != 0 && options.mtu + MaxFrameOverhead(info) > info.max_rx_pktlen)) {
    return Status(StatusCode::kInvalidArgument,
                  "mtu " + std::to_string(options.mtu) + " is more than driver " + driver_ +
                      " takes; accepted: up to " +
                      std::to_string(std::min<uint32_t>(
                          info.max_mtu, info.max_rx_pktlen - MaxFrameOverhead(info))));
  }
  rte_eth_conf conf{};
  conf.rxmode.mtu = std::max<uint16_t>(options.mtu, info.min_mtu);
  if (rx_queues_ > 1) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf.rss_hf =
        info.flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
    if (conf.rx_adv_conf.rss_conf.rss_hf == 0) {
      conf.rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
      // A NIC that has queues but no RSS (82574 and its like) fills the first one only: lcores then
      // share its packets out among themselves. Virtual devices have ways of their own.
      if (IsPciDevice(options.device)) rx_queues_ = 1;
    }
  }
  ChooseOffloads(options, info, conf);
  rx_interrupts_ = options.rx_interrupts && MayHaveRxInterrupts(options.device);
  conf.intr_conf.rxq = rx_interrupts_ ? 1 : 0;
  const auto configure = [&] {
    return rte_eth_dev_configure(id_, static_cast<uint16_t>(rx_queues_),
                                 static_cast<uint16_t>(tx_queues_), &conf);
  };
  int configured = configure();
  if (configured != 0 && rx_interrupts_) {
    rx_interrupts_ = false;
    conf.intr_conf.rxq = 0;
    configured = configure();
  }
  if (configured != 0) {
    return DpdkStatus("configuring " + std::to_string(rx_queues_) + " receive and " +
                          std::to_string(tx_queues_) + " transmit queues",
                      configured);
  }
  uint16_t rx_descriptors = kRxDescriptors, tx_descriptors = kTxDescriptors;
  rte_eth_dev_adjust_nb_rx_tx_desc(id_, &rx_descriptors, &tx_descriptors);
  for (unsigned q = 0; q < rx_queues_; ++q) {
    if (const int error = rte_eth_rx_queue_setup(id_, static_cast<uint16_t>(q), rx_descriptors,
                                                 numa_node_, nullptr, options.pool);
        error != 0) {
      return DpdkStatus("setting up receive queue " + std::to_string(q), error);
    }
  }
  for (unsigned q = 0; q < tx_queues_; ++q) {
    if (const int error = rte_eth_tx_queue_setup(id_, static_cast<uint16_t>(q), tx_descriptors,
                                                 numa_node_, nullptr);
        error != 0) {
      return DpdkStatus("setting up transmit queue " + std::to_string(q), error);
    }
  }
  if (options.mac) {
    rte_ether_addr address;
    std::copy(options.mac->bytes.begin(), options.mac->bytes.end(), address.addr_bytes);
    const int error = rte_eth_dev_default_mac_addr_set(id_, &address);
    if (error != 0 && error != -ENOTSUP) {
      return DpdkStatus("setting MAC " + options.mac->ToString(), error);
    }
    // A device without an address filter (a ring) takes every frame; the address is then ours
    // alone.
    mac_ = *options.mac;
  } else {
    rte_ether_addr address;
    rte_eth_macaddr_get(id_, &address);
    std::copy_n(address.addr_bytes, 6, mac_.bytes.begin());
    if (mac_.IsZero()) mac_ = LocalMacOf(options.device);
  }
  // Routing protocols and neighbour discovery use groups. Devices that cannot filter take them
  // anyway.
  rte_eth_allmulticast_enable(id_);
  if (options.promiscuous) rte_eth_promiscuous_enable(id_);
  return Status::Ok();
}

std::vector<std::string> Offloads::Names() const {
  std::vector<std::string> names;
  if (ipv4_checksum) names.emplace_back("ipv4_checksum");
  if (vlan_strip) names.emplace_back("vlan_strip");
  if (vlan_insert) names.emplace_back("vlan_insert");
  return names;
}

void Port::ChooseOffloads(const PortOptions& options, const rte_eth_dev_info& info,
                          rte_eth_conf& conf) {
  conf.rxmode.offloads = info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
  conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  // virtio filters from the start, whatever was asked of it: it must be told whom to let in.
  const uint64_t filter = info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
  if (filter != 0 && driver_ == "net_virtio" && !options.vlans.empty()) {
    conf.rxmode.offloads |= filter;
    filtered_vlans_ = options.vlans;
  }
  if (!options.offloads) return;
  uint64_t rx = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
  if (!options.vlans.empty()) {
    rx |= RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
    conf.txmode.offloads |= info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_VLAN_INSERT;
  }
  conf.rxmode.offloads |= info.rx_offload_capa & rx;
  offloads_ = {
      .ipv4_checksum = (conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM) != 0,
      .vlan_strip = (conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_VLAN_STRIP) != 0,
      .vlan_insert = (conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_VLAN_INSERT) != 0,
  };
}

Status Port::Start() {
  if (const int error = rte_eth_dev_start(id_); error != 0) return DpdkStatus("starting", error);
  for (const uint16_t vlan : filtered_vlans_) {
    if (const int error = rte_eth_dev_vlan_filter(id_, vlan, 1); error != 0) {
      return DpdkStatus("letting in VLAN " + std::to_string(vlan), error);
    }
  }
  return Status::Ok();
}

void Port::Stop() { rte_eth_dev_stop(id_); }

RxEvent Port::rx_event(unsigned queue) const {
  if (rx_interrupts_) return {.interrupt = true};
  if (driver_ != "net_af_packet" || if_index_ == 0) return {};
  const std::vector<int> sockets = PacketSocketsOn(if_index_);
  if (queue >= sockets.size()) return {};
  return {.socket = sockets[queue]};
}

std::vector<BondMember> Port::members() const {
  if (!bond_) return {};
  return MembersOfBond(id_);
}

LinkState Port::link() const {
  rte_eth_link link{};
  if (rte_eth_link_get_nowait(id_, &link) != 0) return {};
  const bool known = link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN;
  return {.up = link.link_status == RTE_ETH_LINK_UP, .speed_mbps = known ? link.link_speed : 0};
}

PortCounters Port::counters() const {
  rte_eth_stats stats{};
  if (rte_eth_stats_get(id_, &stats) != 0) return {};
  return {.rx_packets = stats.ipackets,
          .rx_bytes = stats.ibytes,
          .tx_packets = stats.opackets,
          .tx_bytes = stats.obytes,
          .rx_missed = stats.imissed,
          .rx_errors = stats.ierrors,
          .rx_no_mbuf = stats.rx_nombuf,
          .tx_errors = stats.oerrors};
}

Status Port::SetMtu(uint16_t mtu) {
  const int error = rte_eth_dev_set_mtu(id_, mtu);
  if (error == 0 || error == -ENOTSUP) return Status::Ok();
  return DpdkStatus("setting mtu " + std::to_string(mtu), error);
}

void Port::SetVirtualMacs(const std::vector<MacAddress>& macs) {
  const auto ether = [](const MacAddress& mac) {
    rte_ether_addr address;
    std::copy(mac.bytes.begin(), mac.bytes.end(), address.addr_bytes);
    return address;
  };
  for (const MacAddress& mac : virtual_macs_) {
    rte_ether_addr address = ether(mac);
    rte_eth_dev_mac_addr_remove(id_, &address);
  }
  virtual_macs_ = macs;
  // An 802.3ad bond drops what is not for its one address before it looks at its filters.
  if (bond_ && !macs.empty()) rte_eth_promiscuous_enable(id_);
  for (const MacAddress& mac : macs) {
    rte_ether_addr address = ether(mac);
    if (rte_eth_dev_mac_addr_add(id_, &address, 0) != 0) rte_eth_promiscuous_enable(id_);
  }
}

Status Port::SetLinkUp(bool up) {
  const int error = up ? rte_eth_dev_set_link_up(id_) : rte_eth_dev_set_link_down(id_);
  if (error == 0 || error == -ENOTSUP) return Status::Ok();
  return DpdkStatus(up ? "setting the link up" : "setting the link down", error);
}

}  // namespace flyover
