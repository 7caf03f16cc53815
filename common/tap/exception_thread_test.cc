// The thread on real rings and mbufs; datagram sockets stand in for TAPs: one write, one frame,
// with the kernel's header in front.
#include "common/tap/exception_thread.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <rte_eal.h>
#include <rte_mempool.h>
#include <sys/socket.h>

#include <functional>
#include <string>
#include <thread>

#include "common/datapath/stage_context.h"
#include "common/testing/packet_builder.h"

// Buffers change hands through the mempool's ring, inside a library that TSan does not see.
extern "C" const char* __tsan_default_suppressions() {  // NOLINT(bugprone-reserved-identifier)
  return "race:rte_pktmbuf_reset\n";
}

namespace flyover {
namespace {

constexpr PortIndex kWan{0};
constexpr PortIndex kLan{3};

class EalEnvironment : public testing::Environment {
 public:
  void SetUp() override {
    std::vector<std::string> words = {
        "test",        "--no-huge",         "--no-pci",
        "--no-shconf", "--no-telemetry",    "-m",
        "64",          "--log-level=error", "--file-prefix=exception_thread_test"};
    std::vector<char*> arguments;
    arguments.reserve(words.size());
    for (std::string& word : words) arguments.push_back(word.data());
    ASSERT_GE(rte_eal_init(static_cast<int>(arguments.size()), arguments.data()), 0);
  }
  void TearDown() override { rte_eal_cleanup(); }
};
const auto* const kEnvironment = testing::AddGlobalTestEnvironment(new EalEnvironment);

// True as soon as `condition` is; false when it is not within 5 s.
bool Await(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

class ExceptionThreadTest : public testing::Test {
 protected:
  void SetUp() override {
    static int serial = 0;
    const std::string tag = std::to_string(serial++);
    // Small buffers: a frame of 1500 bytes takes several.
    pool_ = rte_pktmbuf_pool_create(("pool" + tag).c_str(), 255, 0, 0, 512 + RTE_PKTMBUF_HEADROOM,
                                    SOCKET_ID_ANY);
    ASSERT_NE(pool_, nullptr);
    for (unsigned i = 0; i < 2; ++i) {
      const std::string name = tag + "_" + std::to_string(i);
      lcores_.push_back({Ring("punt" + name), Ring("kernel" + name), &wakeups_[i]});
    }
    std::vector<ExceptionTap> taps;
    taps.push_back({kWan, NewTap(wan_), LcoreIndex(0)});
    taps.push_back({kLan, NewTap(lan_), LcoreIndex(1)});
    thread_ = std::make_unique<ExceptionThread>(ExceptionThread::Options{lcores_, pool_, {}},
                                                std::move(taps));
    ASSERT_TRUE(thread_->Start().ok());
  }
  void TearDown() override {
    thread_->Stop();
    thread_.reset();
    for (const ExceptionLcore& lcore : lcores_) {
      rte_ring_free(lcore.punt);
      rte_ring_free(lcore.from_kernel);
    }
    EXPECT_EQ(rte_mempool_in_use_count(pool_), 0u) << "a packet buffer was lost";
    rte_mempool_free(pool_);
  }

  static rte_ring* Ring(const std::string& name) {
    return rte_ring_create(name.c_str(), 32, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
  }
  // The thread's end; the kernel's end goes to `kernel`.
  static UniqueFd NewTap(UniqueFd& kernel) {
    int pair[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    kernel = UniqueFd(pair[0]);
    return UniqueFd(pair[1]);
  }

  rte_mbuf* Packet(SourceId source, const std::string& bytes, uint16_t per_segment) {
    rte_mbuf* head = nullptr;
    rte_mbuf* last = nullptr;
    for (size_t at = 0; at < bytes.size(); at += per_segment) {
      const std::string piece = bytes.substr(at, per_segment);
      rte_mbuf* const m = rte_pktmbuf_alloc(pool_);
      EXPECT_NE(m, nullptr);
      std::memcpy(rte_pktmbuf_append(m, static_cast<uint16_t>(piece.size())), piece.data(),
                  piece.size());
      if (head == nullptr) {
        head = m;
      } else {
        last->next = m;
        ++head->nb_segs;
        head->pkt_len += m->pkt_len;
      }
      last = m;
    }
    if (head != nullptr) SetSource(head, source);
    return head;
  }
  void Punt(unsigned lcore, rte_mbuf* m) { ASSERT_EQ(rte_ring_enqueue(lcores_[lcore].punt, m), 0); }

  static ssize_t Send(const UniqueFd& kernel, const std::string& frame) {
    const std::string bytes = std::string(sizeof(TapHeader), '\0') + frame;
    const ssize_t n = write(kernel.get(), bytes.data(), bytes.size());
    return n < 0 ? n : n - static_cast<ssize_t>(sizeof(TapHeader));
  }
  // The next frame the kernel's end gets, and what the header in front of it said.
  static std::string Received(const UniqueFd& kernel, TapHeader* header = nullptr) {
    pollfd wait{kernel.get(), POLLIN, 0};
    if (poll(&wait, 1, 5000) != 1) return "(nothing)";
    std::string bytes(65536, '\0');
    const ssize_t n = read(kernel.get(), bytes.data(), bytes.size());
    if (n < static_cast<ssize_t>(sizeof(TapHeader))) return "(no header)";
    if (header != nullptr) std::memcpy(header, bytes.data(), sizeof(*header));
    return bytes.substr(sizeof(TapHeader), static_cast<size_t>(n) - sizeof(TapHeader));
  }
  // The next packet for the lcore, null when none comes.
  rte_mbuf* FromKernel(unsigned lcore) {
    void* m = nullptr;
    Await([&] { return rte_ring_dequeue(lcores_[lcore].from_kernel, &m) == 0; });
    return static_cast<rte_mbuf*>(m);
  }
  static std::string Bytes(const rte_mbuf* m) {
    std::string bytes(m->pkt_len, '\0');
    const void* p = rte_pktmbuf_read(m, 0, m->pkt_len, bytes.data());
    if (p != bytes.data()) std::memcpy(bytes.data(), p, bytes.size());
    return bytes;
  }
  static std::string Pattern(size_t n) {
    std::string bytes(n, '\0');
    for (size_t i = 0; i < n; ++i) bytes[i] = static_cast<char>(i * 7 + i / 256);
    return bytes;
  }

  rte_mempool* pool_ = nullptr;
  std::array<Wakeup, 2> wakeups_;
  std::vector<ExceptionLcore> lcores_;
  UniqueFd wan_;  // the kernel's ends
  UniqueFd lan_;
  std::unique_ptr<ExceptionThread> thread_;
};

TEST_F(ExceptionThreadTest, PuntGoesToTheTapOfItsPort) {
  Punt(0, Packet(PortSource(kLan), Pattern(60), 512));
  EXPECT_EQ(Received(lan_), Pattern(60));
  Punt(1, Packet(PortSource(kWan), Pattern(61), 512));
  EXPECT_EQ(Received(wan_), Pattern(61));
  thread_->Stop();
  EXPECT_EQ(thread_->ledger()[PortSource(kLan)].taken_over, 1u);
  EXPECT_EQ(thread_->ledger()[PortSource(kLan)].punted, 1u);
  EXPECT_EQ(thread_->counters(kLan).to_kernel_packets, 1u);
  EXPECT_EQ(thread_->counters(kLan).to_kernel_bytes, 60u);
}

TEST_F(ExceptionThreadTest, SegmentsAreJoined) {
  Punt(0, Packet(PortSource(kWan), Pattern(1500), 400));
  EXPECT_EQ(Received(wan_), Pattern(1500));
  // More segments than one writev takes.
  Punt(0, Packet(PortSource(kWan), Pattern(130), 1));
  EXPECT_EQ(Received(wan_), Pattern(130));
}

TEST_F(ExceptionThreadTest, SegmentsOfAStreamAreWrittenAsOneInOrder) {
  const auto segment = [](uint32_t offset) {
    const test::Bytes frame = test::Eth{} / test::Ip4{.src = "10.0.0.1", .dst = "10.0.0.2"} /
                              test::Tcp{.dport = 22, .seq = offset, .flags = 0x10} /
                              test::Payload(100);
    return std::string(frame.begin(), frame.end());
  };
  // One enqueue: the thread sees all of them or none.
  std::vector<void*> burst = {
      Packet(PortSource(kLan), Pattern(60), 512), Packet(PortSource(kLan), segment(0), 512),
      Packet(PortSource(kLan), segment(100), 512), Packet(PortSource(kWan), segment(200), 512),
      Packet(PortSource(kLan), segment(200), 512)};
  ASSERT_EQ(rte_ring_enqueue_bulk(lcores_[0].punt, burst.data(), 5, nullptr), 5u);
  TapHeader header;
  EXPECT_EQ(Received(lan_, &header), Pattern(60));
  EXPECT_EQ(header.gso_type, kTapOneFrame);
  EXPECT_EQ(Received(lan_, &header).size(), segment(0).size() + 100);
  EXPECT_EQ(header.segment_size, 100);
  EXPECT_EQ(Received(lan_, &header), segment(200));
  EXPECT_EQ(header.gso_type, kTapOneFrame);
  EXPECT_EQ(Received(wan_), segment(200));
  thread_->Stop();
  EXPECT_EQ(thread_->ledger()[PortSource(kLan)].punted, 4u);
  EXPECT_EQ(thread_->counters(kLan).to_kernel_packets, 4u);
  EXPECT_EQ(thread_->counters(kLan).to_kernel_writes, 3u);
  EXPECT_EQ(thread_->counters(kLan).to_kernel_bytes, 60 + 3 * segment(0).size());
}

TEST_F(ExceptionThreadTest, SleepingLcoreIsWoken) {
  wakeups_[1].Announce();
  ASSERT_EQ(Send(lan_, "wake up"), 7);
  pollfd wait{wakeups_[1].fd(), POLLIN, 0};
  EXPECT_EQ(poll(&wait, 1, 5000), 1);
  wakeups_[1].Awake();
  EXPECT_EQ(poll(&wait, 1, 0), 0);
  rte_mbuf* m = FromKernel(1);
  ASSERT_NE(m, nullptr);
  rte_pktmbuf_free(m);
  // Nobody who is awake is disturbed.
  ASSERT_EQ(Send(lan_, "no need"), 7);
  m = FromKernel(1);
  ASSERT_NE(m, nullptr);
  rte_pktmbuf_free(m);
  EXPECT_EQ(poll(&wait, 1, 0), 0);
}

TEST_F(ExceptionThreadTest, WriteThatFailsIsCounted) {
  lan_.Reset();
  Punt(0, Packet(PortSource(kLan), Pattern(60), 512));
  // Neither a TAP's own frame nor one made here has a TAP to go to.
  Punt(0, Packet(TapSource(kWan), Pattern(60), 512));
  Punt(0, Packet(kGeneratedSource, Pattern(60), 512));
  Punt(0, Packet(PortSource(PortIndex(7)), Pattern(60), 512));
  thread_->Stop();
  const Ledger& ledger = thread_->ledger();
  for (const SourceId source :
       {PortSource(kLan), TapSource(kWan), kGeneratedSource, PortSource(PortIndex(7))}) {
    const SourceLedger& books = ledger[source];
    EXPECT_EQ(books.taken_over, 1u);
    EXPECT_EQ(books.punted, 0u);
    EXPECT_EQ(books.drops[static_cast<size_t>(DropReason::kTapWriteFailed)], 1u);
  }
  EXPECT_EQ(thread_->counters(kLan).to_kernel_errors, 1u);
}

TEST_F(ExceptionThreadTest, FrameOfTheKernelGoesToThePortsLcore) {
  for (const size_t size : {60, 1500, 9234}) {
    ASSERT_EQ(Send(lan_, Pattern(size)), static_cast<ssize_t>(size));
    rte_mbuf* const m = FromKernel(1);
    ASSERT_NE(m, nullptr) << size;
    EXPECT_EQ(rte_mbuf_check(m, 1, nullptr), 0) << size;
    EXPECT_EQ(Bytes(m), Pattern(size)) << size;
    EXPECT_EQ(SourceOf(m), TapSource(kLan));
    EXPECT_EQ(m->hash.usr, uint32_t{kLan.value()});
    rte_pktmbuf_free(m);
  }
  thread_->Stop();
  EXPECT_EQ(thread_->ledger()[TapSource(kLan)].entered, 3u);
  EXPECT_EQ(thread_->ledger()[TapSource(kLan)].handed_over, 3u);
  EXPECT_EQ(thread_->counters(kLan).from_kernel_packets, 3u);
  EXPECT_EQ(thread_->counters(kLan).from_kernel_bytes, 60u + 1500u + 9234u);
}

TEST_F(ExceptionThreadTest, FrameLongerThanAnyPortIsDropped) {
  const std::string frame = Pattern(9235);
  ASSERT_EQ(Send(lan_, frame), 9235);
  ASSERT_TRUE(Await([&] { return thread_->counters(kLan).from_kernel_dropped == 1; }));
  thread_->Stop();
  const SourceLedger& books = thread_->ledger()[TapSource(kLan)];
  EXPECT_EQ(books.entered, 1u);
  EXPECT_EQ(books.drops[static_cast<size_t>(DropReason::kRxTooBig)], 1u);
  EXPECT_EQ(books.handed_over, 0u);
}

TEST_F(ExceptionThreadTest, FullRingDropsAndBooksBalance) {
  constexpr uint64_t kFrames = 40;  // the ring takes 31
  for (uint64_t i = 0; i < kFrames; ++i) {
    ASSERT_TRUE(Await([&] { return Send(wan_, "frame of the kernel") == 19; }));
  }
  ASSERT_TRUE(Await([&] { return thread_->counters(kWan).from_kernel_packets == kFrames; }));
  thread_->Stop();
  const SourceLedger& books = thread_->ledger()[TapSource(kWan)];
  EXPECT_EQ(books.entered, kFrames);
  EXPECT_EQ(books.handed_over, 31u);
  EXPECT_EQ(books.drops[static_cast<size_t>(DropReason::kTapRingFull)], kFrames - 31);
  // What waited in the ring when the lcores had stopped came back and was given up.
  EXPECT_EQ(books.taken_over, 31u);
  EXPECT_EQ(books.drops[static_cast<size_t>(DropReason::kShutdown)], 31u);
}

TEST_F(ExceptionThreadTest, WithoutMemoryFramesWaitInTheKernel) {
  std::vector<rte_mbuf*> hoard;
  while (rte_mbuf* const m = rte_pktmbuf_alloc(pool_)) hoard.push_back(m);
  for (int i = 0; i < 30; ++i) ASSERT_EQ(Send(wan_, Pattern(1024)), 1024);
  ASSERT_TRUE(Await([&] { return thread_->starved() > 0; }));
  rte_pktmbuf_free_bulk(hoard.data(), static_cast<unsigned>(hoard.size()));
  for (int i = 0; i < 30; ++i) {
    rte_mbuf* const m = FromKernel(0);
    ASSERT_NE(m, nullptr);
    EXPECT_EQ(Bytes(m), Pattern(1024));
    rte_pktmbuf_free(m);
  }
}

TEST_F(ExceptionThreadTest, ReplacedTapTakesOver) {
  UniqueFd old_kernel = std::move(lan_);
  thread_->ReplaceTap(kLan, NewTap(lan_));
  old_kernel.Reset();
  ASSERT_EQ(Send(lan_, "new"), 3);
  rte_mbuf* const m = FromKernel(1);
  ASSERT_NE(m, nullptr);
  EXPECT_EQ(Bytes(m), "new");
  rte_pktmbuf_free(m);
  Punt(0, Packet(PortSource(kLan), Pattern(60), 512));
  EXPECT_EQ(Received(lan_), Pattern(60));
}

TEST_F(ExceptionThreadTest, SnapshotIsAnsweredWhileIdle) {
  Punt(0, Packet(PortSource(kLan), Pattern(60), 512));
  EXPECT_EQ(Received(lan_), Pattern(60));
  LedgerSnapshot& snapshot = thread_->snapshot();
  // The frame may be on its way out before it is in the books.
  ASSERT_TRUE(Await([&] {
    snapshot.Request();
    if (!Await([&] { return snapshot.Ready(); })) return false;
    return snapshot.ledger()[PortSource(kLan)].punted == 1;
  }));
  EXPECT_EQ(snapshot.ledger()[PortSource(kLan)].taken_over, 1u);
}

}  // namespace
}  // namespace flyover
