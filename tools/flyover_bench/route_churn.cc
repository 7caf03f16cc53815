#include "tools/flyover_bench/route_churn.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

namespace flyover {
namespace {

constexpr uint64_t kReclaimEvery = 256;  // changes

}  // namespace

Status RouteChurn::Start() {
  cpu_set_t others;
  CPU_ZERO(&others);
  for (long cpu = 0; cpu < sysconf(_SC_NPROCESSORS_CONF); ++cpu) {
    if (cpu != sched_getcpu()) CPU_SET(static_cast<size_t>(cpu), &others);
  }
  stop_ = false;
  changes_ = 0;
  thread_ = std::thread([this] { Run(); });
  if (pthread_setaffinity_np(thread_.native_handle(), sizeof(others), &others) != 0) {
    Stop();
    return Status(
        StatusCode::kInvalidArgument,
        "routes that change need a CPU beside the lcore's; there is none for this process");
  }
  while (changes_ < kReclaimEvery) std::this_thread::yield();
  return Status::Ok();
}

uint64_t RouteChurn::Stop() {
  if (!thread_.joinable()) return 0;
  stop_ = true;
  thread_.join();
  return changes_;
}

void RouteChurn::Announce(const IpPrefix& prefix) {
  route_.prefix = prefix;
  (void)rib_.main().UpsertRoute(route_);
}

void RouteChurn::Run() {
  const auto count = [this] {
    if (++changes_ % kReclaimEvery == 0) qsbr_.Reclaim();
  };
  while (!stop_) {
    size_t withdrawn = 0;
    for (; withdrawn < prefixes_.size() && !stop_; ++withdrawn, count()) {
      (void)rib_.main().RemoveRoute(prefixes_[withdrawn], route_.metric);
    }
    for (size_t i = 0; i < withdrawn; ++i, count()) Announce(prefixes_[i]);
  }
  qsbr_.Reclaim();
}

}  // namespace flyover
