#include "router/control/neighbor_resolver.h"

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "common/log/log.h"
#include "common/namespace/namespace.h"

namespace flyover::router {
namespace {

constexpr auto kRepeatAfter = std::chrono::seconds(1);
// The kernel gives up after 3 probes of a second each (mcast_solicit, retrans_time).
constexpr auto kOutcomeTimeout = std::chrono::seconds(5);
constexpr uint32_t kDefaultThreshold = 1024;

// The neighbour tables' limit is one for the machine, and may be seen in the first network
// namespace only.
uint32_t ReadThreshold(const char* family) {
  const std::string path = std::string("/proc/sys/net/") + family + "/neigh/default/gc_thresh3";
  uint32_t value = 0;
  const auto read = [&] {
    std::ifstream file(path);
    if (!(file >> value)) value = 0;
  };
  for (const char* network_namespace : {"", "/proc/1/ns/net"}) {
    if (RunInNamespace(network_namespace, read).ok() && value != 0) return value;
  }
  return kDefaultThreshold;
}

}  // namespace

Result<NeighborResolver> NeighborResolver::Open(Options options) {
  if (options.limit_v4 == 0) options.limit_v4 = std::max(ReadThreshold("ipv4") / 2, 1u);
  if (options.limit_v6 == 0) options.limit_v6 = std::max(ReadThreshold("ipv6") / 2, 1u);
  Result<netlink::Socket> socket = netlink::Socket::Open({options.network_namespace, {}, 1u << 20});
  if (!socket.ok()) return socket.status();
  return NeighborResolver(std::move(options), std::move(*socket));
}

NeighborResolver::NeighborResolver(Options options, netlink::Socket socket)
    : options_(std::move(options)), socket_(std::move(socket)) {
  limit_ = {options_.limit_v4, options_.limit_v6};
}

void NeighborResolver::Resolve(PortIndex port, const IpAddress& address, Clock::time_point now) {
  const Target target{port, address};
  const auto known = targets_.find(target);
  if (known != targets_.end() && now - known->second.asked < kRepeatAfter) {
    ++counters_.repeated;
    return;
  }
  const bool was_open = known != targets_.end() && known->second.open;
  uint32_t& open = open_[address.is_v6()];
  // The second bound is for targets that the kernel refused at once and that are kept for their
  // second.
  if (!was_open &&
      (open >= limit_[address.is_v6()] || targets_.size() >= size_t{4} * (limit_[0] + limit_[1]))) {
    ++counters_.over_limit;
    return;
  }
  const int if_index = options_.if_index(port);
  if (if_index == 0) {
    ++counters_.no_link;
    return;
  }
  const Result<uint32_t> sequence = socket_.Send(netlink::ResolveNeighbor(if_index, address));
  if (!sequence.ok()) {
    ++counters_.refused;
    return;
  }
  ++counters_.requests;
  if (!was_open) ++open;
  targets_[target] = {now, *sequence, true};
  by_sequence_[*sequence] = target;
}

void NeighborResolver::ReportUse(PortIndex port, const IpAddress& address) {
  const int if_index = options_.if_index(port);
  if (if_index == 0) return;
  // As for a new one: of an entry that is stale NTF_USE makes one that is probed, with its address
  // kept meanwhile.
  if (socket_.Send(netlink::ResolveNeighbor(if_index, address)).ok()) ++counters_.uses;
}

void NeighborResolver::Close(const Target& target, State& state) {
  if (!state.open) return;
  state.open = false;
  --open_[target.address.is_v6()];
}

void NeighborResolver::Finished(PortIndex port, const IpAddress& address) {
  const auto found = targets_.find(Target{port, address});
  if (found != targets_.end()) Close(found->first, found->second);
}

void NeighborResolver::OnReadable() {
  const auto outcome = socket_.Receive(1024, [this](netlink::Bytes message) {
    const auto ack = netlink::ParseAck(message);
    if (!ack) return;
    const auto request = by_sequence_.find(ack->sequence);
    if (request == by_sequence_.end()) return;
    const auto target = targets_.find(request->second);
    if (ack->error != 0) {
      ++(ack->error == ENOBUFS ? counters_.table_full : counters_.refused);
      LogLimited(LogArea::kNetlink, LogLevel::kDebug, "resolve",
                 "the kernel will not resolve {}: {}", request->second.address.ToString(),
                 AckStatus(*ack, "netlink").message());
      if (target != targets_.end() && target->second.sequence == ack->sequence) {
        Close(target->first, target->second);
      }
    }
    by_sequence_.erase(request);
  });
  // Answers were lost: their targets end by time.
  if (outcome == netlink::ReceiveOutcome::kLost) by_sequence_.clear();
}

void NeighborResolver::Tick(Clock::time_point now) {
  for (auto it = targets_.begin(); it != targets_.end();) {
    State& state = it->second;
    if (state.open && now - state.asked >= kOutcomeTimeout) {
      ++counters_.timed_out;
      Close(it->first, state);
    }
    if (!state.open && now - state.asked >= kRepeatAfter) {
      by_sequence_.erase(state.sequence);
      it = targets_.erase(it);
    } else {
      ++it;
    }
  }
}

}  // namespace flyover::router
