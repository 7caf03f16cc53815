#include "router/datapath/hold_table.h"

#include <gtest/gtest.h>
#include <rte_mempool.h>

#include <deque>
#include <map>
#include <memory>
#include <random>

#include "common/datapath/stage_context.h"
#include "common/testing/mbuf_factory.h"

namespace flyover::router {
namespace {

constexpr uint64_t kHz = 1000;
constexpr PortIndex kPort{1};

IpAddress Host(uint32_t n) { return Ipv4Address{0x0a020000 + n}; }

class HoldTableTest : public ::testing::Test {
 protected:
  void SetUp() override {
    pool_ = rte_pktmbuf_pool_create("hold", 4095, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    ASSERT_NE(pool_, nullptr);
    table_ = std::make_unique<HoldTable>();
  }
  void TearDown() override {
    EXPECT_EQ(rte_mempool_in_use_count(pool_), 0u);
    rte_mempool_free(pool_);
  }
  rte_mbuf* NewPacket(uint32_t tag, SourceId source = PortSource(kPort)) {
    rte_mbuf* const m = rte_pktmbuf_alloc(pool_);
    m->hash.usr = tag;
    SetSource(m, source);
    return m;
  }
  HoldTable::Outcome Hold(rte_mbuf* m, const IpAddress& target, uint64_t now,
                          PortIndex port = kPort) {
    PacketMeta meta{};
    meta.l3_length = static_cast<uint16_t>(m->hash.usr);
    return table_->Hold(m, meta, port, target, now, kHz);
  }
  std::vector<uint32_t> ReleaseAll() {
    std::vector<uint32_t> tags;
    Burst out;
    for (unsigned t = 0; t < HoldTable::kMaxTargets; ++t) {
      if (table_->Front(t) == nullptr) continue;
      table_->Release(t, out);
      for (uint16_t i = 0; i < out.size; ++i) {
        tags.push_back(out.pkt[i]->hash.usr);
        EXPECT_EQ(out.meta[i].l3_length, static_cast<uint16_t>(out.pkt[i]->hash.usr))
            << "a packet keeps its meta";
        rte_pktmbuf_free(out.pkt[i]);
      }
    }
    EXPECT_TRUE(table_->empty());
    return tags;
  }
  uint64_t Held() {
    HeldCounts counts{};
    table_->CountHeld(counts);
    uint64_t sum = 0;
    for (const uint64_t n : counts) sum += n;
    return sum;
  }

  rte_mempool* pool_ = nullptr;
  std::unique_ptr<HoldTable> table_;
};

TEST_F(HoldTableTest, HoldsInOrderAndLetsTheOldestGo) {
  for (uint32_t tag = 0; tag < HoldTable::kPerTarget; ++tag) {
    EXPECT_EQ(Hold(NewPacket(tag), Host(1), 0).displaced, nullptr);
  }
  for (uint32_t tag = HoldTable::kPerTarget; tag < 3 * HoldTable::kPerTarget; ++tag) {
    rte_mbuf* const displaced = Hold(NewPacket(tag), Host(1), 0).displaced;
    ASSERT_NE(displaced, nullptr);
    EXPECT_EQ(displaced->hash.usr, tag - HoldTable::kPerTarget);
    rte_pktmbuf_free(displaced);
  }
  EXPECT_EQ(Held(), HoldTable::kPerTarget);
  const std::vector<uint32_t> tags = ReleaseAll();
  ASSERT_EQ(tags.size(), HoldTable::kPerTarget);
  for (uint32_t i = 0; i < tags.size(); ++i) EXPECT_EQ(tags[i], 2 * HoldTable::kPerTarget + i);
}

TEST_F(HoldTableTest, AsksAtOnceAndThenOnceASecond) {
  uint64_t now = 77;
  EXPECT_TRUE(Hold(NewPacket(0), Host(1), now).ask);
  EXPECT_FALSE(Hold(NewPacket(1), Host(1), now).ask);
  EXPECT_FALSE(Hold(NewPacket(2), Host(1), now + kHz - 1).ask);
  EXPECT_TRUE(Hold(NewPacket(3), Host(1), now + kHz).ask);
  EXPECT_FALSE(Hold(NewPacket(4), Host(1), now + kHz + 1).ask);
  EXPECT_TRUE(Hold(NewPacket(5), Host(2), now + kHz + 1).ask) << "another host";
  EXPECT_TRUE(Hold(NewPacket(6), Host(1), now + kHz + 1, PortIndex(2)).ask) << "another link";
  ReleaseAll();
  EXPECT_TRUE(Hold(NewPacket(7), Host(1), now + kHz + 2).ask) << "a new attempt";
  ReleaseAll();
}

TEST_F(HoldTableTest, AsksAgainWhileNothingElseArrives) {
  Hold(NewPacket(0), Host(1), 100);
  EXPECT_EQ(table_->port(0), kPort);
  EXPECT_EQ(table_->address(0), Host(1));
  EXPECT_FALSE(table_->AskAgain(0, 100 + kHz, kHz));
  EXPECT_TRUE(table_->AskAgain(0, 100 + kHz + kHz / 8, kHz));
  EXPECT_FALSE(table_->AskAgain(0, 101 + kHz + kHz / 8, kHz)) << "noted";
  EXPECT_FALSE(Hold(NewPacket(1), Host(1), 102 + kHz + kHz / 8).ask) << "for arrivals too";
  ReleaseAll();
}

TEST_F(HoldTableTest, TargetsAreBounded) {
  for (uint32_t host = 0; host < HoldTable::kMaxTargets; ++host) {
    EXPECT_EQ(Hold(NewPacket(host), Host(host), 0).displaced, nullptr);
  }
  rte_mbuf* const late = NewPacket(999);
  const HoldTable::Outcome outcome = Hold(late, Host(5000), 0);
  EXPECT_EQ(outcome.displaced, late) << "the packet itself";
  EXPECT_FALSE(outcome.ask);
  rte_pktmbuf_free(late);
  EXPECT_EQ(Hold(NewPacket(1000), Host(3), 0).displaced, nullptr) << "known targets go on";
  EXPECT_EQ(ReleaseAll().size(), HoldTable::kMaxTargets + 1);
}

TEST_F(HoldTableTest, ExpiresAfterTheFirstPacketsTime) {
  Hold(NewPacket(0), Host(1), 100);
  Hold(NewPacket(1), Host(1), 100 + 3 * kHz);
  const uint64_t lifetime = HoldTable::kLifetimeSeconds * kHz;
  EXPECT_FALSE(table_->Expired(0, 100 + lifetime, kHz));
  EXPECT_TRUE(table_->Expired(0, 100 + lifetime + 1, kHz));
  ReleaseAll();
}

TEST_F(HoldTableTest, CountsBySource) {
  Hold(NewPacket(0, PortSource(PortIndex(0))), Host(1), 0);
  Hold(NewPacket(1, kGeneratedSource), Host(1), 0);
  Hold(NewPacket(2, kGeneratedSource), Host(2), 0);
  HeldCounts counts{};
  table_->CountHeld(counts);
  EXPECT_EQ(counts[0], 1u);
  EXPECT_EQ(counts[kGeneratedSource.value()], 2u);
  ReleaseAll();
}

// Against queues that are plainly right.
TEST_F(HoldTableTest, EqualsAModel) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  std::map<uint32_t, std::deque<uint32_t>> model;
  for (uint32_t step = 0; step < 20'000; ++step) {
    const auto host = static_cast<uint32_t>(random() % 100);
    if (random() % 20 != 0) {
      rte_mbuf* const m = NewPacket(step & 0xffff);
      const HoldTable::Outcome outcome = Hold(m, Host(host), step);
      std::optional<uint32_t> displaced;
      if (!model.contains(host) && model.size() == HoldTable::kMaxTargets) {
        displaced = step & 0xffff;
      } else {
        model[host].push_back(step & 0xffff);
        if (model[host].size() > HoldTable::kPerTarget) {
          displaced = model[host].front();
          model[host].pop_front();
        }
      }
      ASSERT_EQ(outcome.displaced != nullptr, displaced.has_value());
      if (displaced) {
        ASSERT_EQ(outcome.displaced->hash.usr, *displaced);
        rte_pktmbuf_free(outcome.displaced);
      }
    } else {
      const unsigned target = random() % HoldTable::kMaxTargets;
      if (table_->Front(target) == nullptr) continue;
      const uint32_t front = table_->Front(target)->m->hash.usr;
      Burst out;
      table_->Release(target, out);
      ASSERT_EQ(out.pkt[0]->hash.usr, front);
      bool found = false;
      for (auto it = model.begin(); it != model.end() && !found; ++it) {
        if (it->second.size() != out.size) continue;
        found = true;
        for (uint16_t i = 0; i < out.size; ++i) found &= it->second[i] == out.pkt[i]->hash.usr;
        if (found) {
          model.erase(it);
          break;
        }
      }
      ASSERT_TRUE(found);
      for (uint16_t i = 0; i < out.size; ++i) rte_pktmbuf_free(out.pkt[i]);
    }
    size_t held = 0;
    for (const auto& [h, queue] : model) held += queue.size();
    ASSERT_EQ(Held(), held);
    ASSERT_EQ(table_->empty(), model.empty());
  }
  ReleaseAll();
}

}  // namespace
}  // namespace flyover::router
