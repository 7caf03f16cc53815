#include "tools/flyoverd/path/path.h"

#include "common/datapath/normalize.h"
#include "lb/datapath/backend_select.h"
#include "lb/datapath/connection_lookup.h"
#include "lb/datapath/encap.h"
#include "lb/datapath/service_lookup.h"
#include "router/datapath/ethernet_input.h"
#include "router/datapath/forward.h"
#include "router/datapath/ip_input.h"

namespace flyover {

void Path::Process(Burst& burst) {
  IndexList frames;
  for (uint16_t i = 0; i < burst.size; ++i) {
    rte_mbuf* const m = Normalize(burst.pkt[i], ctx_.pool());
    if (__builtin_expect(m == nullptr, 0)) {
      ctx_.Drop(burst.pkt[i], DropReason::kNoMemory);
      continue;
    }
    burst.pkt[i] = m;
    frames.Add(i);
  }
  answers_.size = 0;
  router::EthernetEdges ethernet;
  router::EthernetInput(ctx_, *router_.ports->Load(), burst, frames, ethernet);
  IndexList valid;
  router::Ipv4Input(ctx_, router_.flow_key, burst, ethernet.ipv4, valid);
  router::Ipv6Input(ctx_, router_.flow_key, burst, ethernet.ipv6, valid);
  ServeAndForward(burst, valid);
  ForwardAnswers();
  ctx_.FlushDrops();
}

void Path::ServeAndForward(Burst& burst, const IndexList& valid) {
  const lb::ServiceTable* const services = services_.Load();
  if (services == nullptr) {
    Forward(burst, valid);
  } else {
    lb::ServiceEdges service;
    lb::ServiceLookup(ctx_, lb_, services, burst, valid, service);
    if (service.balance.size > 0) {
      lb::ConnectionEdges connection;
      lb::ConnectionLookup(ctx_, lb_, *services, burst, service.balance, connection);
      IndexList selected = connection.hit;
      lb::BackendSelect(ctx_, lb_, *services, burst, connection.miss, selected);
      lb::Encap(ctx_, lb_, *services, burst, selected, service.route);
    }
    Forward(burst, service.route);
  }
}

void Path::Forward(Burst& burst, const IndexList& in) {
  if (in.size == 0) return;
  IndexList forward, fits, ready;
  std::array<PortIndex, kMaxBurst> egress;
  router::FibLookup(ctx_, router_, burst, in, forward, answers_);
  router::TtlMtu(ctx_, router_, burst, forward, fits, answers_);
  router::AdjacencyRewrite(ctx_, router_, burst, fits, ready, egress, answers_);
  for (const uint8_t i : ready) tx_.Add(ctx_, egress[i], burst.pkt[i]);
}

void Path::ForwardAnswers() {
  if (answers_.size == 0) return;
  IndexList all;
  for (uint16_t i = 0; i < answers_.size; ++i) all.Add(i);
  // None of these can cause another: errors about ICMP errors are never sent. They pass the
  // balancer too: an error about a backend's reply, whose source is a VIP, is for that backend.
  ServeAndForward(answers_, all);
}

void Path::ResumeHeld() {
  if (router_.hold.empty()) return;
  unsigned cursor = 0;
  while (router::ResumeHeld(ctx_, router_, cursor, resumed_)) {
    answers_.size = 0;
    IndexList all;
    for (uint16_t i = 0; i < resumed_.size; ++i) all.Add(i);
    Forward(resumed_, all);
    ForwardAnswers();
  }
  ctx_.FlushDrops();
}

}  // namespace flyover
