#include "common/tap/exception_thread.h"
#include "common/base/thread_cpus.h"

#include <pthread.h>
#include <rte_lcore.h>
#include <rte_mempool.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/uio.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <system_error>

#include "common/datapath/burst.h"
#include "common/datapath/stage_context.h"

namespace flyover {
namespace {

// Frames taken from one ring or one TAP before the next has its turn.
constexpr unsigned kBurst = 64;
// The longest frame a port can send: MTU 9216, Ethernet header, one VLAN tag.
constexpr size_t kMaxFrame = 9216 + 14 + 4;
constexpr unsigned kMaxWriteSegments = 64;
constexpr size_t kFlatBytes = 65536;
constexpr size_t kMaxReadSegments = 1024;  // IOV_MAX

constexpr int64_t kShortestSleepNs = 20'000;
constexpr int64_t kLongestSleepNs = 200'000;
constexpr int64_t kSilenceSleepNs = 500'000;
constexpr auto kSilence = std::chrono::seconds(1);

// One writer: a plain addition that others may watch.
void Add(std::atomic<uint64_t>& counter, uint64_t n) {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

}  // namespace

// Reads frames straight into packet buffers: a chain of empty ones stands ready, and what a frame
// filled is replaced before the next read.
class ExceptionThread::FrameReader {
 public:
  explicit FrameReader(rte_mempool* pool) : pool_(pool) {
    room_ = rte_pktmbuf_data_room_size(pool) - size_t{RTE_PKTMBUF_HEADROOM};
    // One byte more than is wanted tells a frame that was cut.
    ready_.resize(std::min<size_t>((kMaxFrame + room_) / room_, kMaxReadSegments - 1));
    iov_.resize(1 + ready_.size());
    iov_[0] = {&kernel_header_, sizeof(kernel_header_)};
    empty_ = ready_.size();
  }
  ~FrameReader() {
    for (rte_mbuf* m : ready_) rte_pktmbuf_free(m);
  }
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;

  // False: out of packet memory.
  bool Refill() {
    while (empty_ != 0) {
      rte_mbuf* const m = rte_pktmbuf_alloc(pool_);
      if (m == nullptr) return false;
      --empty_;
      ready_[empty_] = m;
      iov_[1 + empty_] = {rte_pktmbuf_mtod(m, void*), room_};
    }
    return true;
  }

  // The next frame, null when there is none; `error` is then errno. REQUIRES: Refill() was true.
  rte_mbuf* Read(int fd, int& error) {
    const ssize_t n = readv(fd, iov_.data(), static_cast<int>(iov_.size()));
    if (n <= static_cast<ssize_t>(sizeof(kernel_header_))) {
      error = n < 0 ? errno : EBADFD;
      return nullptr;
    }
    // Nothing stands in the kernel's header: no offload was offered to it (TUNSETOFFLOAD).
    auto left = static_cast<size_t>(n) - sizeof(kernel_header_);
    rte_mbuf* const head = ready_[0];
    rte_mbuf* last = nullptr;
    uint16_t segments = 0;
    while (left != 0) {
      rte_mbuf* const m = std::exchange(ready_[empty_++], nullptr);
      const size_t length = std::min(left, room_);
      m->data_len = static_cast<uint16_t>(length);
      if (last != nullptr) last->next = m;
      last = m;
      left -= length;
      ++segments;
    }
    head->pkt_len = static_cast<uint32_t>(static_cast<size_t>(n) - sizeof(kernel_header_));
    head->nb_segs = segments;
    return head;
  }

 private:
  rte_mempool* pool_;
  TapHeader kernel_header_;
  size_t room_ = 0;   // bytes a buffer takes
  size_t empty_ = 0;  // of ready_, at its front
  std::vector<rte_mbuf*> ready_;
  std::vector<iovec> iov_;
};

ExceptionThread::ExceptionThread(Options options, std::vector<ExceptionTap> taps)
    : options_(std::move(options)), flat_(kFlatBytes) {
  for (ExceptionTap& tap : taps) {
    Tap& slot = taps_[tap.port.value()];
    slot.queue = std::move(tap.queue);
    slot.lcore = tap.lcore.value();
    slot.present = true;
    assert(slot.lcore < options_.lcores.size());
  }
}

ExceptionThread::~ExceptionThread() {
  Stop();
  for (Tap& tap : taps_) const UniqueFd unused(tap.replacement.exchange(-1));
}

Status ExceptionThread::Start() {
  epoll_ = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_.valid()) return ErrnoStatus(StatusCode::kResourceExhausted, "epoll", errno);
  for (unsigned port = 0; port < kMaxPorts; ++port) {
    if (taps_[port].queue.valid()) Watch(port);
  }
  reader_ = std::make_unique<FrameReader>(options_.pool);
  stop_.store(false, std::memory_order_relaxed);
  try {
    thread_ = std::thread([this] { Run(); });
  } catch (const std::system_error& error) {
    return {StatusCode::kResourceExhausted, std::string("exception thread: ") + error.what()};
  }
  return Status::Ok();
}

void ExceptionThread::Stop() {
  if (!thread_.joinable()) return;
  stop_.store(true, std::memory_order_release);
  thread_.join();
  reader_.reset();
  for (Tap& tap : taps_) tap.queue.Reset();
}

void ExceptionThread::ReplaceTap(PortIndex port, UniqueFd queue) {
  Tap& tap = taps_[port.value()];
  assert(tap.present);
  const UniqueFd unused(tap.replacement.exchange(queue.Release(), std::memory_order_acq_rel));
  replaced_.store(true, std::memory_order_release);
}

void ExceptionThread::TakeReplacements() {
  if (!replaced_.exchange(false, std::memory_order_acquire)) return;
  for (unsigned port = 0; port < kMaxPorts; ++port) {
    UniqueFd queue(taps_[port].replacement.exchange(-1, std::memory_order_acq_rel));
    if (!queue.valid()) continue;
    taps_[port].queue = std::move(queue);  // closing the old one takes it out of epoll
    Watch(port);
  }
}

void ExceptionThread::Watch(unsigned port) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u32 = port;
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, taps_[port].queue.get(), &event);
}

void ExceptionThread::Run() {
  pthread_setname_np(pthread_self(), "flyover-tap");
  // Signals are the control thread's.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  // The default slack of 50 us would double the shortest sleep.
  prctl(PR_SET_TIMERSLACK, 1000UL);
  RunOn(options_.cpus);
  // Gives the thread a cache in every mempool; without one it works too, only slower.
  const bool registered = rte_thread_register() == 0;

  auto last_work = std::chrono::steady_clock::now();
  int64_t sleep_ns = 0;
  while (!stop_.load(std::memory_order_acquire)) {
    TakeReplacements();
    const bool punts = PollPunts();
    const bool frames = PollTaps(punts ? 0 : sleep_ns);
    if (snapshot_.Wanted()) snapshot_.Answer(ledger_, held_);
    if (punts || frames) {
      sleep_ns = 0;
      last_work = std::chrono::steady_clock::now();
    } else if (sleep_ns < kLongestSleepNs) {
      sleep_ns = std::min(std::max(kShortestSleepNs, 2 * sleep_ns), kLongestSleepNs);
    } else if (std::chrono::steady_clock::now() - last_work > kSilence) {
      sleep_ns = kSilenceSleepNs;
    }
  }
  Drain();
  if (snapshot_.Wanted()) snapshot_.Answer(ledger_, held_);
  if (registered) rte_thread_unregister();
}

bool ExceptionThread::PollPunts() {
  bool any = false;
  for (const ExceptionLcore& lcore : options_.lcores) {
    std::array<rte_mbuf*, kBurst> burst;
    const unsigned n =
        rte_ring_dequeue_burst(lcore.punt, reinterpret_cast<void**>(burst.data()), kBurst, nullptr);
    WriteFrames({burst.data(), n});
    rte_pktmbuf_free_bulk(burst.data(), n);
    any = any || n != 0;
  }
  return any;
}

void ExceptionThread::WriteFrames(std::span<rte_mbuf* const> frames) {
  while (!frames.empty()) {
    size_t n = 0;
    merger_.Clear();
    while (n < frames.size() && frames[n]->port == frames[0]->port && merger_.Add(frames[n])) {
      ++n;
    }
    if (n > 1) {
      WriteMerged(frames.first(n));
    } else {
      n = 1;
      WriteFrame(frames[0]);
    }
    frames = frames.subspan(n);
  }
}

int ExceptionThread::QueueFor(const rte_mbuf* m) const {
  // Only what came in by a port has a TAP to go to.
  const unsigned port = TapOf(m).value();
  return port < kMaxPorts ? taps_[port].queue.get() : -1;
}

void ExceptionThread::WriteMerged(std::span<rte_mbuf* const> frames) {
  const std::span<const iovec> iov = merger_.Frame();
  size_t length = 0;
  for (const iovec& part : iov) length += part.iov_len;
  const ssize_t written = writev(QueueFor(frames[0]), iov.data(), static_cast<int>(iov.size()));
  Account(frames, written == static_cast<ssize_t>(length));
}

void ExceptionThread::WriteFrame(rte_mbuf* m) {
  static TapHeader nothing_to_do;
  std::array<iovec, kMaxWriteSegments + 1> iov;
  iov[0] = {&nothing_to_do, sizeof(nothing_to_do)};
  int count = 1;
  if (m->nb_segs <= kMaxWriteSegments) {
    for (const rte_mbuf* s = m; s != nullptr; s = s->next) {
      iov[static_cast<unsigned>(count++)] = {rte_pktmbuf_mtod(s, void*), s->data_len};
    }
  } else if (m->pkt_len <= flat_.size()) {
    const void* const data = rte_pktmbuf_read(m, 0, m->pkt_len, flat_.data());
    iov[static_cast<unsigned>(count++)] = {const_cast<void*>(data), m->pkt_len};
  } else {
    return Account({&m, 1}, false);
  }
  const ssize_t written = writev(QueueFor(m), iov.data(), count);
  Account({&m, 1}, written == static_cast<ssize_t>(sizeof(nothing_to_do) + m->pkt_len));
}

void ExceptionThread::Account(std::span<rte_mbuf* const> frames, bool written) {
  const SourceId source = SourceOf(frames[0]);
  SourceLedger& books = ledger_[source];
  books.taken_over += frames.size();
  if (written) {
    books.punted += frames.size();
  } else {
    books.drops[static_cast<size_t>(DropReason::kTapWriteFailed)] += frames.size();
  }
  const unsigned port = TapOf(frames[0]).value();
  if (port >= kMaxPorts) return;
  TapCounters& counters = counters_[port];
  if (!written) return Add(counters.to_kernel_errors, frames.size());
  uint64_t bytes = 0;
  for (const rte_mbuf* const m : frames) bytes += m->pkt_len;
  Add(counters.to_kernel_writes, 1);
  Add(counters.to_kernel_packets, frames.size());
  Add(counters.to_kernel_bytes, bytes);
}

bool ExceptionThread::PollTaps(int64_t wait_ns) {
  std::array<epoll_event, kMaxPorts> events;
  const timespec timeout{0, wait_ns};
  const int n = epoll_pwait2(epoll_.get(), events.data(), kMaxPorts, &timeout, nullptr);
  // The kernel moves what it reported to the end of its list: no TAP is served twice before the
  // others.
  bool any = false;
  for (int i = 0; i < n; ++i) any |= ReadTap(events[static_cast<size_t>(i)].data.u32);
  if (n > 0 && !any) {
    // Out of packet memory with frames waiting: epoll would return at once.
    const timespec pause{0, kLongestSleepNs};
    nanosleep(&pause, nullptr);
  }
  return any;
}

bool ExceptionThread::ReadTap(unsigned port) {
  Tap& tap = taps_[port];
  const SourceId source = TapSource(PortIndex(static_cast<uint8_t>(port)));
  SourceLedger& books = ledger_[source];
  std::array<rte_mbuf*, kBurst> burst;
  unsigned count = 0;
  uint64_t frames = 0;
  uint64_t bytes = 0;
  uint64_t dropped = 0;
  while (frames < kBurst) {
    if (!reader_->Refill()) {
      Add(starved_, 1);
      break;
    }
    int error = 0;
    rte_mbuf* const m = reader_->Read(tap.queue.get(), error);
    if (m == nullptr) {
      // The device is gone; a replacement may come.
      if (error != EAGAIN && error != EINTR) tap.queue.Reset();
      break;
    }
    ++frames;
    ++books.entered;
    bytes += m->pkt_len;
    if (m->pkt_len > kMaxFrame) {
      ++books.drops[static_cast<size_t>(DropReason::kRxTooBig)];
      ++dropped;
      rte_pktmbuf_free(m);
      continue;
    }
    SetSource(m, source);
    m->hash.usr = port;
    burst[count++] = m;
  }
  const unsigned taken =
      rte_ring_enqueue_burst(options_.lcores[tap.lcore].from_kernel,
                             reinterpret_cast<void* const*>(burst.data()), count, nullptr);
  if (taken != 0) options_.lcores[tap.lcore].wakeup->Wake();
  books.handed_over += taken;
  books.drops[static_cast<size_t>(DropReason::kTapRingFull)] += count - taken;
  dropped += count - taken;
  rte_pktmbuf_free_bulk(burst.data() + taken, count - taken);
  Add(counters_[port].from_kernel_packets, frames);
  Add(counters_[port].from_kernel_bytes, bytes);
  Add(counters_[port].from_kernel_dropped, dropped);
  return frames != 0;
}

void ExceptionThread::Drain() {
  while (PollPunts()) {
  }
  // Nobody takes these any more, so this thread may.
  for (const ExceptionLcore& lcore : options_.lcores) {
    void* object = nullptr;
    while (rte_ring_dequeue(lcore.from_kernel, &object) == 0) {
      auto* const m = static_cast<rte_mbuf*>(object);
      SourceLedger& books = ledger_[SourceOf(m)];
      ++books.taken_over;
      ++books.drops[static_cast<size_t>(DropReason::kShutdown)];
      rte_pktmbuf_free(m);
    }
  }
}

}  // namespace flyover
