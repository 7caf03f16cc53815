// The packet's way (docs/life_of_a_packet.md) for one lcore: the stages of the router and the
// balancer in their order. Owned and run by that lcore alone.
#pragma once

#include <array>

#include "common/datapath/burst.h"
#include "common/datapath/stage_context.h"
#include "common/rcu/published.h"
#include "lb/datapath/lb_lcore.h"
#include "lb/service/service_table.h"
#include "router/datapath/router_lcore.h"
#include "tools/flyoverd/path/tx_buffers.h"

namespace flyover {

class Path {
 public:
  Path(StageContext& ctx, router::RouterLcore& router, lb::LbLcore& lb,
       const Published<lb::ServiceTable>& services, TxBuffers& tx)
      : ctx_(ctx), router_(router), lb_(lb), services_(services), tx_(tx) {}

  // Stages 2 to 12 for frames that a port received. pkt, meta.source and meta.in_port are set.
  // Takes over the packets; what leaves waits in the transmit buffers.
  void Process(Burst& burst);

  // Frames that the kernel sent on the TAPs of tunnels: burst.pkt, and by egress[i] the tunnel's
  // port.
  void SendByTunnels(Burst& burst, const std::array<PortIndex, kMaxBurst>& egress);

  // Lets packets go on whose neighbour is now known (or known not to answer).
  void ResumeHeld();
  // Likewise fragments to VIPs whose first one has come, or will not.
  void ResumeFragments();

 private:
  // Process, but for what tunnels carried.
  void ProcessFrames(Burst& burst);
  // Stages 2 and 3, rule by rule; what is valid, in the order of the burst.
  IndexList CheckInput(const router::PortTable& ports, Burst& burst, const IndexList& in);
  // What tunnels carried, as frames of their ports; tunnels may be nested.
  void ProcessCarried();
  // Stages 5 to 12.
  void ServeAndForward(Burst& burst, const IndexList& valid);
  // Stages 5 to 8, one by one: what goes on to stage 9, in the order of the burst.
  IndexList Serve(const lb::ServiceTable& services, Burst& burst, const IndexList& in);
  // Stages 9 to 12; errors about these packets are appended to answers_.
  void Forward(Burst& burst, const IndexList& in);
  // Stage 11, neighbour by neighbour.
  void Rewrite(Burst& burst, const IndexList& in, IndexList& ready,
               std::array<PortIndex, kMaxBurst>& egress);
  // Stage 12.
  void Transmit(Burst& burst, IndexList& ready, std::array<PortIndex, kMaxBurst>& egress);
  // Those of `ready` that leave by a tunnel get its headers and go back to stage 9.
  void EnterTunnels(Burst& burst, IndexList& ready, const std::array<PortIndex, kMaxBurst>& egress);
  void ForwardAnswers();

  StageContext& ctx_;
  router::RouterLcore& router_;
  lb::LbLcore& lb_;
  const Published<lb::ServiceTable>& services_;
  TxBuffers& tx_;
  Burst answers_;  // ICMP errors made by the burst in work
  Burst resumed_;
  Burst carried_;  // taken out of tunnels by the burst in work
  Burst inner_;    // the same, while they are the burst in work
  // Of the packet that is being cut; the second for those that are cut again inside a tunnel.
  std::array<Burst, 2> pieces_;
};

}  // namespace flyover
