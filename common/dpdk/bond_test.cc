// Two 802.3ad bonds facing each other over cables made of shared memory. (active-backup sets its
// members' MAC addresses, which net_memif and net_ring of DPDK 22.11 refuse: tests/labs/bond_lab.py
// has it.)
#include "common/dpdk/bond.h"

#include <gtest/gtest.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <optional>

#include "common/dpdk/port.h"

namespace flyover {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr unsigned kFrameLength = 60;

// Two devices, each receiving what the other sends. Stopping one takes the link of both.
struct Cable {
  explicit Cable(const std::string& name) {
    static int number = 0;
    const std::string rest = ",id=" + std::to_string(number) +
                             ",socket-abstract=yes,socket=" + name + "-" + std::to_string(getpid());
    left = "net_memif" + std::to_string(2 * number) + ",role=server" + rest;
    right = "net_memif" + std::to_string(2 * number + 1) + ",role=client" + rest;
    ++number;
  }
  static uint16_t IdOf(const std::string& device) {
    uint16_t id = UINT16_MAX;
    EXPECT_EQ(rte_eth_dev_get_port_by_name(DeviceNameOf(device).c_str(), &id), 0);
    return id;
  }
  std::string left, right;
};

class BondTest : public ::testing::Test {
 protected:
  void SetUp() override {
    static int instance = 0;
    prefix_ = "bond" + std::to_string(instance++);
    pool_ = rte_pktmbuf_pool_create(prefix_.c_str(), 2'047, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                    SOCKET_ID_ANY);
    ASSERT_NE(pool_, nullptr);
    for (unsigned n = 0; n < 2; ++n) cables_.emplace_back(prefix_ + "c" + std::to_string(n));
  }
  std::optional<Port> Open(const std::string& side, bool lacp, std::vector<std::string> members) {
    PortOptions options;
    options.device = "net_bonding_" + prefix_ + side;
    options.bond = {lacp, std::move(members)};
    options.pool = pool_;
    return Started(Port::Open(options));
  }
  static std::optional<Port> Started(Result<Port> port) {
    EXPECT_TRUE(port.ok()) << port.status().message();
    if (!port.ok()) return std::nullopt;
    const Status started = port->Start();
    EXPECT_TRUE(started.ok()) << started.message();
    return std::move(*port);
  }
  // A UDP packet of flow n. A bond takes only what is for it.
  rte_mbuf* Frame(const MacAddress& to, uint32_t n) {
    rte_mbuf* const m = rte_pktmbuf_alloc(pool_);
    if (m == nullptr) return nullptr;
    m->data_len = kFrameLength;
    m->pkt_len = kFrameLength;
    auto* const bytes = rte_pktmbuf_mtod(m, uint8_t*);
    std::memset(bytes, 0, kFrameLength);
    const std::array<uint8_t, 24> head = {2, 0, 0,    0, 0, 1,  2, 0, 0, 0, 0,  2,
                                          8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17};
    std::copy(head.begin(), head.end(), bytes);
    std::memcpy(bytes, to.bytes.data(), to.bytes.size());
    std::memcpy(bytes + 26, &n, sizeof(n));
    return m;
  }
  bool SendOne(Port& port, const Port& to, uint32_t n) {
    rte_mbuf* m = Frame(to.mac(), n);
    if (m == nullptr) return false;
    if (rte_eth_tx_burst(port.dpdk_id(), 0, &m, 1) == 1) return true;
    rte_pktmbuf_free(m);
    return false;
  }
  static unsigned Receive(Port& port) {
    std::array<rte_mbuf*, 64> burst;
    const uint16_t n = rte_eth_rx_burst(port.dpdk_id(), 0, burst.data(), burst.size());
    rte_pktmbuf_free_bulk(burst.data(), n);
    return n;
  }
  static unsigned Active(const Port& port) {
    unsigned n = 0;
    for (const BondMember& member : port.members()) n += member.active ? 1 : 0;
    return n;
  }
  template <typename Done>
  static std::optional<milliseconds> Until(Done done, milliseconds limit = milliseconds(15'000)) {
    const auto begin = Clock::now();
    while (!done()) {
      if (Clock::now() - begin > limit) return std::nullopt;
    }
    return duration_cast<milliseconds>(Clock::now() - begin);
  }

  std::string prefix_;
  rte_mempool* pool_ = nullptr;
  std::vector<Cable> cables_;
};

TEST_F(BondTest, TwoLacpBondsAgreeAndShareFlows) {
  auto left = Open("l", true, {cables_[0].left, cables_[1].left});
  auto right = Open("r", true, {cables_[0].right, cables_[1].right});
  ASSERT_TRUE(left && right);
  // The state machines run inside the bursts.
  const auto turn = [&] {
    for (Port* const port : {&*left, &*right}) {
      Receive(*port);
      rte_eth_tx_burst(port->dpdk_id(), 0, nullptr, 0);
    }
  };
  uint32_t flow = 0;
  const auto agreed = Until([&] {
    turn();
    SendOne(*left, *right, ++flow);
    return Receive(*right) > 0;
  });
  ASSERT_TRUE(agreed);
  std::cout << "802.3ad: frames pass " << agreed->count() << " ms after the start\n";
  ASSERT_TRUE(Until([&] {
    turn();
    return Active(*left) == 2 && Active(*right) == 2;
  }));
  constexpr uint32_t kFlows = 400;
  std::array<uint64_t, 2> before{};
  const auto received = [&](unsigned cable) {
    rte_eth_stats stats{};
    rte_eth_stats_get(Cable::IdOf(cables_[cable].right), &stats);
    return stats.ipackets;
  };
  for (unsigned c = 0; c < 2; ++c) before[c] = received(c);
  for (uint32_t n = 0; n < kFlows; ++n) {
    ASSERT_TRUE(SendOne(*left, *right, n));
    turn();
  }
  for (unsigned c = 0; c < 2; ++c) {
    EXPECT_GT(received(c) - before[c], kFlows / 4) << "flows are shared, cable " << c;
  }
}

// By the cable that goes: the first has the aggregator that the other member has joined.
class BondFailoverTest : public BondTest, public ::testing::WithParamInterface<unsigned> {};

TEST_P(BondFailoverTest, TrafficGoesOnWhenALacpMemberGoes) {
  auto left = Open("l", true, {cables_[0].left, cables_[1].left});
  auto right = Open("r", true, {cables_[0].right, cables_[1].right});
  ASSERT_TRUE(left && right);
  const auto turn = [&] {
    Receive(*left);
    for (Port* const port : {&*left, &*right}) rte_eth_tx_burst(port->dpdk_id(), 0, nullptr, 0);
    return Receive(*right);
  };
  uint32_t flow = 0;
  ASSERT_TRUE(Until([&] {
    SendOne(*left, *right, ++flow);
    return turn() > 0 && Active(*left) == 2 && Active(*right) == 2;
  }));
  Until([&] { return turn() > 0; }, milliseconds(50));  // what is still on its way
  ASSERT_EQ(rte_eth_dev_stop(Cable::IdOf(cables_[GetParam()].left)), 0);
  unsigned sent = 0, received = 0;
  milliseconds silence{0};
  auto last = Clock::now();
  Until(
      [&] {
        SendOne(*left, *right, ++flow);  // what the bond does not take is lost as well
        ++sent;
        if (const unsigned n = turn(); n > 0) {
          received += n;
          last = Clock::now();
        }
        silence = std::max(silence, duration_cast<milliseconds>(Clock::now() - last));
        return false;
      },
      milliseconds(1000));
  received += turn();
  std::cout << "802.3ad: of " << sent << " frames in the second after a member went, "
            << sent - received << " were lost; longest silence " << silence.count() << " ms\n";
  EXPECT_GT(sent, 1000u);
  EXPECT_LT(sent - received, sent / 10);
  EXPECT_LT(silence, milliseconds(500));
  EXPECT_EQ(Active(*left), 1u);
}

INSTANTIATE_TEST_SUITE_P(Cables, BondFailoverTest, ::testing::Values(0u, 1u));

TEST_F(BondTest, SaysWhichMemberIsWrong) {
  PortOptions options;
  options.device = "net_bonding_" + prefix_;
  options.bond = {false, {cables_[0].left, "net_no_such_driver0"}};
  options.pool = pool_;
  const Result<Port> port = Port::Open(options);
  ASSERT_FALSE(port.ok());
  EXPECT_NE(port.status().message().find("member net_no_such_driver0"), std::string::npos)
      << port.status().message();
}

}  // namespace
}  // namespace flyover
