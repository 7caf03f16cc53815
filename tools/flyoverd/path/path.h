// The packet's way (docs/life_of_a_packet.md) for one lcore: the stages of the router and the
// balancer in their order. Owned and run by that lcore alone.
#pragma once

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

  // Lets packets go on whose neighbour is now known (or known not to answer).
  void ResumeHeld();

 private:
  // Stages 5 to 12.
  void ServeAndForward(Burst& burst, const IndexList& valid);
  // Stages 9 to 12; errors about these packets are appended to answers_.
  void Forward(Burst& burst, const IndexList& in);
  // Stages 11 and 12.
  void Transmit(Burst& burst, const IndexList& in);
  void ForwardAnswers();

  StageContext& ctx_;
  router::RouterLcore& router_;
  lb::LbLcore& lb_;
  const Published<lb::ServiceTable>& services_;
  TxBuffers& tx_;
  Burst answers_;  // ICMP errors made by the burst in work
  Burst resumed_;
  Burst pieces_;  // of the packet that is being cut
};

}  // namespace flyover
