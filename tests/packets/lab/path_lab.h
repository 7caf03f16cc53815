// The real data plane (tools/flyoverd/dataplane) on ports made of rings, driven from the test's own
// thread: no lcore is launched, RunOnce is called instead. Tables are filled as the daemon fills
// them, through the RIB and the service manager; the exception thread is played by TakePunts.
//
// After every Settle the books must balance: per lcore, per source and in all. CheckAtRest also
// demands that nothing is left anywhere, mbufs included.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "common/testing/mbuf_factory.h"
#include "lb/control/service_manager.h"
#include "tests/packets/lab/topology.h"
#include "tools/flyoverd/dataplane/dataplane.h"
#include "tools/flyoverd/dataplane/port_features.h"

namespace flyover::test {

// A sub-interface of one of the ports, with an address and a neighbour in network 101, 102, ... (or
// `network`) of either family: 10.101.0.1/24 and 2001:db8:101::1/64, the neighbour at 2.
struct LabVlan {
  unsigned device;
  uint16_t outer;
  uint16_t inner = 0;
  uint16_t mtu = 1500;
  bool up = true;
  unsigned network = 0;
  uint8_t vrf = 0;  // below DataplaneOptions::vrfs.size()
};

struct LabOptions {
  unsigned lcores = 1;
  unsigned rx_queues = 1;  // per port; fewer than lcores: frames are spread
  unsigned tx_queues = 1;
  unsigned tx_ring_size = 1024;
  uint32_t mbufs = 16'383;
  DataplaneOptions dataplane = {};  // lcore_count and sizes are set by the lab
  bool services = true;
  std::vector<LabVlan> vlans = {};  // ports kPorts, kPorts + 1, ...
  // The ports behind those of the VLANs, in networks 111, 112, ...; the lab sets their index.
  std::vector<router::Tunnel> tunnels = {};
};

struct SentFrame {
  unsigned port;  // a device: frames of sub-interfaces leave by it, tagged
  Bytes bytes;
  bool operator==(const SentFrame&) const = default;
};

// What one or more packets led to.
struct Outcome {
  std::vector<SentFrame> sent;
  std::vector<SentFrame> punted;  // with the port they came in by
  std::map<DropReason, uint64_t> drops;
  std::map<PuntReason, uint64_t> punts;
  std::vector<router::ResolveRequest> resolves;
  std::string ToString() const;
};

class PathLab {
 public:
  explicit PathLab(const LabOptions& options = {});
  ~PathLab();
  PathLab(const PathLab&) = delete;
  PathLab& operator=(const PathLab&) = delete;

  // Puts a frame on the wire of a port (queue 0 unless told); it is taken in by the next Settle.
  void Send(unsigned port, const Bytes& frame, const Form& form = {}, unsigned queue = 0);
  // The same with a packet of lab.factory().
  void SendMbuf(unsigned port, rte_mbuf* m, unsigned queue = 0);
  // Runs all lcores until nothing moves, and returns what came of everything since the last call.
  Outcome Settle();
  // What has left so far, for tests that launch the lcores. Counts of drops and punts stay empty.
  Outcome Collect();
  // Send and Settle.
  Outcome Pass(unsigned port, const Bytes& frame, const Form& form = {});

  // A frame that must get through, whatever happened before.
  void ExpectCanaryPasses();
  // The ledger balances; nothing is held, buffered or leaked. Held packets must be released before.
  void CheckAtRest();
  void CheckLedger();
  // Drops what waits for neighbours, as the end of the daemon does. The lab takes no more frames.
  Outcome Drain();

  router::Rib& rib() { return *rib_; }
  lb::ServiceManager& services() { return *manager_; }
  Dataplane& dataplane() { return *dataplane_; }
  Lcore& lcore(unsigned l) { return dataplane_->lcore(l); }
  MbufFactory& factory() { return *factory_; }
  // Changes one entry of the port table and tells the RIB, as the daemon does.
  void SetPort(unsigned port, uint16_t mtu, bool up);
  void SetFeatures(unsigned port, const PortFeatures& features);
  uint64_t DropCount(DropReason reason);
  HeldCounts Held();
  rte_ring* rx_ring(unsigned port, unsigned queue = 0) { return rx_rings_[port][queue]; }

 private:
  void PublishPorts();
  void AddVlans();
  unsigned NetworkOfVlan(size_t v) const {
    const unsigned network = options_.vlans[v].network;
    return network != 0 ? network : static_cast<unsigned>(101 + v);
  }
  unsigned TunnelPort(size_t t) const {
    return static_cast<unsigned>(kPorts + options_.vlans.size() + t);
  }
  void TakeSent(Outcome& outcome);
  void TakePunts(Outcome& outcome);
  void TakeResolves(Outcome& outcome);
  std::array<uint64_t, kDropReasonCount> Drops();
  std::array<uint64_t, kPuntReasonCount> Punts();

  LabOptions options_;
  std::unique_ptr<Dataplane> dataplane_;
  std::unique_ptr<router::Rib> rib_;
  std::unique_ptr<lb::ServiceManager> manager_;
  std::unique_ptr<MbufFactory> factory_;
  std::array<std::vector<rte_ring*>, kPorts> rx_rings_, tx_rings_;
  std::array<uint16_t, kPorts> mtu_ = kMtus;
  std::array<PortFeatures, kMaxPorts> features_;
  std::array<bool, kPorts> up_ = {true, true, true, true};
  Ledger exception_;  // of the exception thread that this lab plays
  // What the wire itself saw, counted apart from the ledger.
  std::array<uint64_t, kPorts> wire_in_{}, wire_out_{};
  std::array<uint64_t, kDropReasonCount> drops_before_{};
  std::array<uint64_t, kPuntReasonCount> punts_before_{};
  unsigned baseline_ = 0;  // mbufs in use at rest
};

}  // namespace flyover::test
