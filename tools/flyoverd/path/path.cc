#include "tools/flyoverd/path/path.h"

#include <algorithm>
#include <utility>

#include "common/datapath/normalize.h"
#include "lb/datapath/backend_select.h"
#include "lb/datapath/connection_lookup.h"
#include "lb/datapath/encap.h"
#include "lb/datapath/plain_balance.h"
#include "lb/datapath/service_lookup.h"
#include "lb/datapath/vip_fragment.h"
#include "router/datapath/ethernet_input.h"
#include "router/datapath/forward.h"
#include "router/datapath/fragment.h"
#include "router/datapath/ip_input.h"
#include "router/datapath/plain_input.h"
#include "router/datapath/plain_output.h"
#include "router/datapath/port_rewrite.h"
#include "router/datapath/reverse_path.h"
#include "router/datapath/tunnel_output.h"

namespace flyover {
namespace {

IndexList All(const Burst& burst) {
  IndexList all;
  for (uint16_t i = 0; i < burst.size; ++i) all.Add(i);
  return all;
}

// Both in one, in the order of the burst. REQUIRES: each is in that order.
IndexList Merged(const IndexList& a, const IndexList& b) {
  IndexList all;
  std::merge(a.begin(), a.end(), b.begin(), b.end(), all.index.begin());
  all.size = static_cast<uint16_t>(a.size + b.size);
  return all;
}

}  // namespace

void Path::Process(Burst& burst) {
  ProcessFrames(burst);
  if (__builtin_expect(carried_.size != 0, 0)) ProcessCarried();
  ctx_.FlushDrops();
}

void Path::ProcessCarried() {
  while (carried_.size != 0) {
    inner_.size = std::exchange(carried_.size, uint16_t{0});
    std::copy_n(carried_.pkt.begin(), inner_.size, inner_.pkt.begin());
    std::copy_n(carried_.meta.begin(), inner_.size, inner_.meta.begin());
    ProcessFrames(inner_);
  }
}

void Path::SendByTunnels(Burst& burst, const std::array<PortIndex, kMaxBurst>& egress) {
  const router::TunnelTable& tunnels = router_.ports->Load()->tunnels;
  IndexList ready;
  answers_.size = 0;
  for (uint16_t i = 0; i < burst.size; ++i) {
    burst.meta[i].source = SourceOf(burst.pkt[i]);
    const bool ip = router::DescribeKernelFrame(burst.pkt[i], router_.flow_key, burst.meta[i]);
    if (!ip && tunnels.OfPort(egress[i])->key.kind != TunnelKind::kVxlan) {
      ctx_.Drop(burst.pkt[i], DropReason::kUnknownEtherType);
    } else if (burst.pkt[i]->pkt_len < sizeof(EthernetHeader)) {
      ctx_.Drop(burst.pkt[i], DropReason::kTruncated);
    } else {
      ready.Add(i);
    }
  }
  EnterTunnels(burst, ready, egress);
  ForwardAnswers();
  ctx_.FlushDrops();
}

void Path::ProcessFrames(Burst& burst) {
  answers_.size = 0;
  const router::PortTable& ports = *router_.ports->Load();
  router::PlainEdges input;
  router::PlainInput(ports, router_.flow_key, burst, input);
  ctx_.stages().Lap(Stage::kPlainInput, burst.size);
  IndexList& valid = input.plain;
  if (__builtin_expect(input.others.size != 0, 0)) {
    valid = Merged(valid, CheckInput(ports, burst, input.others));
  }
  if (__builtin_expect((ports.features & router::kReversePath) != 0, 0)) {
    router::CheckReversePath(ctx_, router_, ports, burst, valid);
  }
  ServeAndForward(burst, valid);
  ForwardAnswers();
}

IndexList Path::CheckInput(const router::PortTable& ports, Burst& burst, const IndexList& in) {
  IndexList frames;
  for (const uint8_t i : in) {
    rte_mbuf* const m = Normalize(burst.pkt[i], ctx_.pool());
    if (__builtin_expect(m == nullptr, 0)) {
      ctx_.Drop(burst.pkt[i], DropReason::kNoMemory);
      continue;
    }
    burst.pkt[i] = m;
    frames.Add(i);
  }
  router::EthernetEdges ethernet;
  router::EthernetInput(ctx_, ports, burst, frames, ethernet);
  ctx_.stages().Lap(Stage::kEthernetInput, in.size);
  IndexList valid4, valid6;
  router::Ipv4Input(ctx_, router_.flow_key, burst, ethernet.ipv4, valid4);
  router::Ipv6Input(ctx_, router_.flow_key, burst, ethernet.ipv6, valid6);
  ctx_.stages().Lap(Stage::kIpInput, ethernet.ipv4.size + ethernet.ipv6.size);
  return Merged(valid4, valid6);
}

void Path::ServeAndForward(Burst& burst, const IndexList& valid) {
  const lb::ServiceTable* const services = services_.Load();
  if (services == nullptr || services->vips.empty()) return Forward(burst, valid);
  lb::PlainBalanceEdges plain;
  lb::PlainBalance(ctx_, lb_, *services, burst, valid, plain);
  ctx_.stages().Lap(Stage::kPlainBalance, valid.size);
  if (__builtin_expect(plain.others.size != 0, 0)) {
    plain.route = Merged(plain.route, Serve(*services, burst, plain.others));
  }
  Forward(burst, plain.route);
}

IndexList Path::Serve(const lb::ServiceTable& services, Burst& burst, const IndexList& in) {
  lb::ServiceEdges service;
  lb::ServiceLookup(ctx_, lb_, &services, burst, in, service);
  ctx_.stages().Lap(Stage::kServiceLookup, in.size);
  if (service.balance.size > 0) {
    lb::ConnectionEdges connection;
    lb::ConnectionLookup(ctx_, lb_, services, burst, service.balance, connection);
    ctx_.stages().Lap(Stage::kConnectionLookup, service.balance.size);
    IndexList selected = connection.hit;
    lb::BackendSelect(ctx_, lb_, services, burst, connection.miss, selected);
    ctx_.stages().Lap(Stage::kBackendSelect, connection.miss.size);
    lb::Encap(ctx_, lb_, services, burst, selected, service.route);
    ctx_.stages().Lap(Stage::kEncap, selected.size);
  }
  std::sort(service.route.index.begin(), service.route.index.begin() + service.route.size);
  return service.route;
}

void Path::Forward(Burst& burst, const IndexList& in) {
  if (in.size == 0) return;
  IndexList forward, ready, others, too_long;
  std::array<PortIndex, kMaxBurst> egress;
  router::FibLookup(ctx_, router_, burst, in, forward, carried_, answers_);
  ctx_.stages().Lap(Stage::kFibLookup, in.size);
  router::PlainOutput(router_, *router_.ports->Load(), burst, forward, ready, egress, others);
  ctx_.stages().Lap(Stage::kPlainOutput, forward.size);
  if (__builtin_expect(others.size != 0, 0)) {
    IndexList fits, rewritten;
    router::TtlMtu(ctx_, router_, burst, others, fits, too_long, answers_);
    ctx_.stages().Lap(Stage::kTtlMtu, others.size);
    Rewrite(burst, fits, rewritten, egress);
    ready = Merged(ready, rewritten);
  }
  Transmit(burst, ready, egress);
  for (const uint8_t i : too_long) {
    Burst& pieces = pieces_[&burst == &pieces_[0] ? 1 : 0];
    router::Fragment(ctx_, router_, burst.pkt[i], burst.meta[i], pieces);
    IndexList rewritten;
    Rewrite(pieces, All(pieces), rewritten, egress);
    Transmit(pieces, rewritten, egress);
  }
}

void Path::Rewrite(Burst& burst, const IndexList& in, IndexList& ready,
                   std::array<PortIndex, kMaxBurst>& egress) {
  router::AdjacencyRewrite(ctx_, router_, burst, in, ready, egress, answers_);
  ctx_.stages().Lap(Stage::kAdjacencyRewrite, in.size);
}

void Path::Transmit(Burst& burst, IndexList& ready, std::array<PortIndex, kMaxBurst>& egress) {
  const router::PortTable& ports = *router_.ports->Load();
  if (__builtin_expect((ports.features & router::kRewritten) != 0, 0)) {
    router::RewriteForPorts(ports, burst, ready, egress);
  }
  if (__builtin_expect(!ports.tunnels.empty(), 0)) EnterTunnels(burst, ready, egress);
  tx_.Add(ctx_, burst, ready, egress);
  ctx_.stages().Lap(Stage::kTransmit, ready.size);
}

void Path::EnterTunnels(Burst& burst, IndexList& ready,
                        const std::array<PortIndex, kMaxBurst>& egress) {
  const router::TunnelTable& tunnels = router_.ports->Load()->tunnels;
  IndexList entering, others, outer;
  for (const uint8_t i : ready) {
    (tunnels.OfPort(egress[i]) != nullptr ? entering : others).Add(i);
  }
  ready = others;
  if (entering.size == 0) return;
  router::TunnelOutput(ctx_, router_, burst, entering, egress, outer, answers_);
  ctx_.stages().Lap(Stage::kTunnels, entering.size);
  // Once only: what leads into a tunnel again is dropped there.
  Forward(burst, outer);
}

void Path::ForwardAnswers() {
  if (answers_.size == 0) return;
  // None of these can cause another: errors about ICMP errors are never sent. They pass the
  // balancer too: an error about a backend's reply, whose source is a VIP, is for that backend.
  ServeAndForward(answers_, All(answers_));
}

void Path::ResumeHeld() {
  if (router_.hold.empty()) return;
  unsigned cursor = 0;
  while (router::ResumeHeld(ctx_, router_, cursor, resumed_)) {
    answers_.size = 0;
    Forward(resumed_, All(resumed_));
    ForwardAnswers();
    ProcessCarried();
  }
  ctx_.FlushDrops();
}

void Path::ResumeFragments() {
  if (!lb_.fragments->anything_held()) return;
  lb::ResumeFragments(ctx_, lb_, resumed_);
  if (resumed_.size != 0) {
    answers_.size = 0;
    ServeAndForward(resumed_, All(resumed_));
    ForwardAnswers();
  }
  ctx_.FlushDrops();
}

}  // namespace flyover
