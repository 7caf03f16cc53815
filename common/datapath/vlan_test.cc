#include "common/datapath/vlan.h"

#include <gtest/gtest.h>
#include <rte_mempool.h>

#include "common/testing/mbuf_factory.h"

namespace flyover {
namespace {

using test::AllForms;
using test::Bytes;
using test::BytesOf;
using test::Form;
using test::MbufFactory;

class VlanTagsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    pool_ = rte_pktmbuf_pool_create("vlan", 4095, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    ASSERT_NE(pool_, nullptr);
    factory_ = std::make_unique<MbufFactory>(pool_);
  }
  void TearDown() override {
    factory_.reset();
    EXPECT_EQ(rte_mempool_in_use_count(pool_), 0u) << "leak";
    rte_mempool_free(pool_);
  }
  rte_mempool* pool_ = nullptr;
  std::unique_ptr<MbufFactory> factory_;
};

Bytes Frame(const Bytes& behind_addresses) {
  constexpr size_t kAddresses = 12;
  Bytes frame(kAddresses + behind_addresses.size());
  for (size_t i = 0; i < kAddresses; ++i) frame[i] = static_cast<uint8_t>(i + 1);
  std::copy(behind_addresses.begin(), behind_addresses.end(), frame.begin() + kAddresses);
  return frame;
}

struct Case {
  Bytes behind_addresses;
  unsigned count, length;
  bool valid;
};
const Case kCases[] = {
    {{}, 0, 0, true},
    {{0x08}, 0, 0, true},
    {{0x08, 0x00}, 0, 0, true},
    {{0x81, 0x00}, 0, 0, false},
    {{0x81, 0x00, 0x00, 0x64, 0x08}, 0, 0, false},
    {{0x81, 0x00, 0x00, 0x64, 0x08, 0x00}, 1, 4, true},
    {{0x81, 0x00, 0xe0, 0x00, 0x08, 0x00}, 0, 4, true},
    {{0x88, 0xa8, 0x00, 0x64, 0x81, 0x00}, 1, 4, false},
    {{0x88, 0xa8, 0x00, 0x64, 0x81, 0x00, 0x0f, 0xff, 0x86, 0xdd}, 2, 8, true},
    {{0x81, 0, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3, 0x08, 0}, 2, 12, false},
};

TEST_F(VlanTagsTest, AreReadInEveryForm) {
  for (const Case& c : kCases) {
    const Bytes frame = Frame(c.behind_addresses);
    for (const Form& form : AllForms()) {
      SCOPED_TRACE(form.Name() + " " + std::to_string(frame.size()));
      rte_mbuf* const m = factory_->Make(frame, form);
      const VlanTags tags = ReadVlanTags(m);
      EXPECT_EQ(tags.count, c.count);
      EXPECT_EQ(tags.length, c.length);
      EXPECT_EQ(tags.valid, c.valid);
      rte_pktmbuf_free(m);
      EXPECT_TRUE(factory_->ReleaseShared());
    }
  }
}

TEST_F(VlanTagsTest, WhatIsPushedIsReadAndRemoved) {
  const Bytes frame = Frame({0x08, 0x00, 0x45, 1, 2, 3});
  for (const uint16_t inner : std::initializer_list<uint16_t>{0, 7}) {
    for (const bool headroom : {true, false}) {
      rte_mbuf* m = factory_->Make(frame, {});
      if (!headroom) {
        // Up to the buffer's very start.
        rte_pktmbuf_prepend(m, rte_pktmbuf_headroom(m));
        rte_pktmbuf_trim(m, static_cast<uint16_t>(m->pkt_len - frame.size()));
        std::copy(frame.begin(), frame.end(), rte_pktmbuf_mtod(m, uint8_t*));
      }
      m->port = 9;
      m = PushVlanTags(m, MakeVlanPush(4094, inner), pool_);
      ASSERT_NE(m, nullptr);
      const char* reason = nullptr;
      EXPECT_EQ(rte_mbuf_check(m, 1, &reason), 0) << reason;
      EXPECT_EQ(m->nb_segs, headroom ? 1 : 2);
      EXPECT_EQ(m->port, 9);
      const VlanTags tags = ReadVlanTags(m);
      EXPECT_EQ(tags.count, inner == 0 ? 1 : 2);
      EXPECT_EQ(tags.id[0], 4094);
      EXPECT_EQ(tags.id[1], inner);
      if (headroom) {
        RemoveVlanTags(m, tags.length);
        EXPECT_EQ(BytesOf(m), frame);
      }
      rte_pktmbuf_free(m);
    }
  }
}

}  // namespace
}  // namespace flyover
