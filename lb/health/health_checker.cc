#include "lb/health/health_checker.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <map>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include "common/namespace/namespace.h"
#include "lb/client_path/client_path.h"
#include "lb/health/command_probe.h"
#include "lb/health/datagram_probe.h"
#include "lb/health/probe.h"
#include "lb/health/verdict.h"

namespace flyover::lb {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

// What the two sides share. `mutex` guards what is below it.
struct HealthChecker::Shared {
  ~Shared() {
    if (multi != nullptr) curl_multi_cleanup(multi);
    if (event_fd >= 0) close(event_fd);
  }
  CURLM* multi = nullptr;  // its owner is the prober's thread; curl_multi_wakeup is for any
  int event_fd = -1;
  std::thread thread;

  std::mutex mutex;
  bool stop = false;
  // Each is obeyed, in turn: what one of them leaves out begins anew if a later one names it.
  std::vector<std::vector<HealthTarget>> orders;
  std::vector<HealthEvent> events;
};

// The thread: starts probes when they are due, collects results, sleeps in curl_multi_poll.
class HealthChecker::Prober {
 public:
  Prober(Shared& shared, uint64_t seed) : shared_(shared), random_(seed) {}
  ~Prober() {
    for (auto& [target, check] : checks_) Abort(check);
  }

  void Run() {
    while (TakeOrders()) {
      StartDue(Clock::now());
      int running = 0;
      curl_multi_perform(shared_.multi, &running);
      Collect();
      CollectPolled();  // those that could not begin
      std::vector<curl_waitfd> waited = PolledDescriptors();
      // Asked last: a probe may end in the call that starts it (no route), and one that is no
      // longer under way wakes nobody.
      curl_multi_poll(shared_.multi, waited.data(), static_cast<unsigned>(waited.size()),
                      UntilNext(Clock::now()), nullptr);
      if (client_path_ != nullptr) client_path_->Carry();
      curl_multi_perform(shared_.multi, &running);
      Collect();
      CollectPolled();
    }
  }

 private:
  struct Check {
    Verdict verdict;
    Clock::time_point due;
    // While one is under way.
    std::unique_ptr<Probe> probe;
    std::unique_ptr<PolledProbe> polled;
    std::unique_ptr<ClientPath::Flow> flow;  // of one that travels as a client's packets do
  };
  using Checks = std::map<HealthTarget, Check>;

  // False: time to end.
  bool TakeOrders() {
    std::vector<std::vector<HealthTarget>> orders;
    {
      const std::lock_guard lock(shared_.mutex);
      if (shared_.stop) return false;
      orders.swap(shared_.orders);
    }
    for (const std::vector<HealthTarget>& targets : orders) Replace(targets);
    return true;
  }

  void Replace(const std::vector<HealthTarget>& targets) {
    Checks next;
    for (const HealthTarget& target : targets) {
      auto known = checks_.extract(target);
      if (!known.empty()) {
        next.insert(std::move(known));
        continue;
      }
      const std::chrono::milliseconds spread = std::min(target.interval, kFirstProbeWithin);
      next.try_emplace(
          target, Check{Verdict(target.fall, target.rise, target.damping),
                        Clock::now() + Uniform(spread * 0, spread), nullptr, nullptr, nullptr});
    }
    for (auto& [target, check] : checks_) Abort(check);  // those that nobody wants any more
    checks_ = std::move(next);
  }

  void StartDue(Clock::time_point now) {
    for (auto& entry : checks_) {
      const Check& check = entry.second;
      if (check.probe == nullptr && check.polled == nullptr && check.due <= now) {
        StartProbe(entry, now);
      }
    }
  }

  // Milliseconds until a probe is to be started, or one is to be given up.
  int UntilNext(Clock::time_point now) const {
    Clock::time_point next = now + std::chrono::minutes(1);
    for (const auto& [target, check] : checks_) {
      if (check.probe != nullptr) continue;  // curl_multi_poll knows its time-outs
      next = std::min(next, check.polled != nullptr ? check.polled->deadline() : check.due);
    }
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - now);
    return static_cast<int>(std::max<int64_t>(wait.count(), 0));
  }

  void StartProbe(Checks::value_type& entry, Clock::time_point now) {
    auto& [target, check] = entry;
    check.due = now + Uniform(target.interval * 9 / 10, target.interval);
    if (target.kind == HealthConfig::Kind::kExec) {
      if (CommandsUnderWay() < kMostCommands) {
        check.polled = std::make_unique<CommandProbe>(target, now);
      } else {
        check.due = now + kPause;
      }
      return;
    }
    UniqueFd socket;
    auto nonce = static_cast<uint32_t>(random_());
    if (target.way) {
      if (Status status = BeginFlow(target, check); !status.ok()) {
        if (status.code() == StatusCode::kResourceExhausted) {
          check.due = now + kPause;
        } else {
          Count(entry, {false, status.message()});
        }
        return;
      }
      socket.Reset(check.flow->TakeSocket());
      nonce = uint32_t{check.flow->port()} << 16 | (nonce & 0xffff);
    }
    if (IsDatagram(target.kind)) {
      check.polled = std::make_unique<DatagramProbe>(target, nonce, now, std::move(socket));
      return;
    }
    check.probe = std::make_unique<Probe>(target, std::move(socket));
    if (check.probe->easy() == nullptr) {  // out of memory says nothing of the target
      Abort(check);
      return;
    }
    curl_easy_setopt(check.probe->easy(), CURLOPT_PRIVATE, &target);
    curl_multi_add_handle(shared_.multi, check.probe->easy());
  }

  Status BeginFlow(const HealthTarget& target, Check& check) {
    if (client_path_ == nullptr) {
      Result<std::unique_ptr<ClientPath>> opened = ClientPath::Open();
      if (!opened.ok()) return opened.status();
      client_path_ = std::move(*opened);
    }
    const SocketKind kind = IsDatagram(target.kind) ? DatagramProbe::SocketOf(target)
                                                    : SocketKind{SOCK_STREAM, IPPROTO_TCP};
    auto flow = client_path_->Begin(*target.way, target.address, kind.type, kind.protocol);
    if (flow.ok()) check.flow = std::move(*flow);
    return flow.status();
  }

  size_t CommandsUnderWay() const {
    return static_cast<size_t>(std::ranges::count_if(checks_, [](const auto& entry) {
      return entry.first.kind == HealthConfig::Kind::kExec && entry.second.polled != nullptr;
    }));
  }

  static bool IsDatagram(HealthConfig::Kind kind) {
    return kind == HealthConfig::Kind::kUdp || kind == HealthConfig::Kind::kDns ||
           kind == HealthConfig::Kind::kIcmp;
  }

  std::vector<curl_waitfd> PolledDescriptors() const {
    std::vector<curl_waitfd> waited;
    for (const auto& [target, check] : checks_) {
      if (check.polled == nullptr || check.polled->fd() < 0) continue;
      waited.push_back({check.polled->fd(), CURL_WAIT_POLLIN, 0});
    }
    if (client_path_ != nullptr) {
      for (const int fd : client_path_->fds()) waited.push_back({fd, CURL_WAIT_POLLIN, 0});
    }
    return waited;
  }

  void CollectPolled() {
    const Clock::time_point now = Clock::now();
    for (auto& entry : checks_) {
      if (entry.second.polled == nullptr) continue;
      if (const auto result = entry.second.polled->Judge(now)) Count(entry, *result);
    }
  }

  void Collect() {
    int left = 0;
    while (const CURLMsg* const message = curl_multi_info_read(shared_.multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;  // gone once the handle is removed
      const HealthTarget* target = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &target);
      Finish(*checks_.find(*target), code);
    }
  }

  void Finish(Checks::value_type& entry, CURLcode code) {
    Count(entry, entry.second.probe->Judge(code));
  }

  void Count(Checks::value_type& entry, const ProbeResult& result) {
    auto& [target, check] = entry;
    std::string reason = result.reason;
    if (target.way) reason = "as a client: " + reason;
    if (check.flow != nullptr && !check.flow->error().empty()) {
      reason += "; " + check.flow->error();
    }
    Abort(check);
    if (!check.verdict.Count(result.good, Clock::now())) return;
    const HealthEvent event{target, check.verdict.state(), reason,
                            std::chrono::system_clock::now()};
    {
      const std::lock_guard lock(shared_.mutex);
      shared_.events.push_back(event);
    }
    eventfd_write(shared_.event_fd, 1);
  }

  void Abort(Check& check) {
    check.polled.reset();
    if (check.probe != nullptr) {
      // Null where memory was out: it was not added.
      if (CURL* const easy = check.probe->easy()) curl_multi_remove_handle(shared_.multi, easy);
      check.probe.reset();
    }
    check.flow.reset();  // when its socket is closed
  }

  std::chrono::milliseconds Uniform(std::chrono::milliseconds low, std::chrono::milliseconds high) {
    std::uniform_int_distribution<int64_t> spread(low.count(), high.count());
    return std::chrono::milliseconds(spread(random_));
  }

  static constexpr std::chrono::milliseconds kFirstProbeWithin{500};
  // Programs at a time; one more is started so much later.
  static constexpr size_t kMostCommands = 64;
  static constexpr std::chrono::milliseconds kPause{20};

  Shared& shared_;
  std::mt19937_64 random_;
  std::unique_ptr<ClientPath> client_path_;  // once a probe needs it
  Checks checks_;
};

Result<std::unique_ptr<HealthChecker>> HealthChecker::Start(const Options& options) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  auto shared = std::make_unique<Shared>();
  shared->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (initialised != CURLE_OK || shared->event_fd < 0) {
    return Status(StatusCode::kInternal, "the health checker cannot start");
  }
  std::promise<Status> started;
  std::future<Status> outcome = started.get_future();
  shared->thread = std::thread([started = std::move(started), &state = *shared, options]() mutable {
    pthread_setname_np(pthread_self(), "flyover-health");
    Status status = EnterNamespace(options.network_namespace);
    if (status.ok() && (state.multi = curl_multi_init()) == nullptr) {
      status = Status(StatusCode::kInternal, "the health checker cannot start");
    }
    const bool ok = status.ok();
    started.set_value(std::move(status));
    if (ok) Prober(state, options.seed).Run();
  });
  Status status = outcome.get();
  if (!status.ok()) {
    shared->thread.join();
    return status;
  }
  return std::unique_ptr<HealthChecker>(new HealthChecker(std::move(shared)));
}

HealthChecker::HealthChecker(std::unique_ptr<Shared> shared) : shared_(std::move(shared)) {}

HealthChecker::~HealthChecker() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stop = true;
  }
  curl_multi_wakeup(shared_->multi);
  shared_->thread.join();
}

void HealthChecker::SetTargets(std::vector<HealthTarget> targets) {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->orders.push_back(std::move(targets));
  }
  curl_multi_wakeup(shared_->multi);
}

int HealthChecker::event_fd() const { return shared_->event_fd; }

std::vector<HealthEvent> HealthChecker::TakeEvents() {
  // The bell first: an event that comes in between rings it again.
  eventfd_t rings = 0;
  eventfd_read(shared_->event_fd, &rings);
  const std::lock_guard lock(shared_->mutex);
  return std::exchange(shared_->events, {});
}

}  // namespace flyover::lb
