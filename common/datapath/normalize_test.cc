#include "common/datapath/normalize.h"

#include <gtest/gtest.h>
#include <rte_mempool.h>

#include <cstring>

#include "common/testing/mbuf_factory.h"

namespace flyover {
namespace {

using test::AllForms;
using test::Bytes;
using test::BytesOf;
using test::Form;
using test::Layout;
using test::MbufFactory;

class NormalizeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    pool_ = rte_pktmbuf_pool_create("normalize", 10'239, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                    SOCKET_ID_ANY);
    ASSERT_NE(pool_, nullptr);
    factory_ = std::make_unique<MbufFactory>(pool_);
  }
  void TearDown() override {
    EXPECT_TRUE(factory_->ReleaseShared()) << "wrote into shared bytes";
    factory_.reset();
    EXPECT_EQ(rte_mempool_in_use_count(pool_), 0u) << "leak";
    EXPECT_EQ(test::LiveExternalBuffers(), 0u) << "leak";
    rte_mempool_free(pool_);
  }
  static void ExpectSane(const rte_mbuf* m) {
    const char* reason = nullptr;
    EXPECT_EQ(rte_mbuf_check(m, 1, &reason), 0) << reason;
  }

  rte_mempool* pool_ = nullptr;
  std::unique_ptr<MbufFactory> factory_;
};

TEST_F(NormalizeTest, KeepsBytesAndSourceAndMakesThemOurs) {
  for (const size_t length : {1u, 14u, 60u, 255u, 256u, 257u, 1500u, 9000u}) {
    const Bytes frame = test::Payload(length).bytes;
    for (const Form& form : AllForms()) {
      SCOPED_TRACE(form.Name() + " " + std::to_string(length));
      rte_mbuf* m = factory_->Make(frame, form);
      m->port = 17;
      m = Normalize(m, pool_);
      ASSERT_NE(m, nullptr);
      ExpectSane(m);
      EXPECT_TRUE(IsNormal(m));
      EXPECT_EQ(m->port, 17);
      EXPECT_EQ(BytesOf(m), frame);
      // Ours to write: whoever shares the packet must not see it (checked in TearDown).
      std::memset(rte_pktmbuf_mtod(m, void*), 0xee, std::min<size_t>(length, kContiguous));
      rte_pktmbuf_free(m);
      EXPECT_TRUE(factory_->ReleaseShared());
    }
  }
}

TEST_F(NormalizeTest, LeavesNormalPacketsWhereTheyAre) {
  for (const Form& form : {Form{}, Form{Layout::kExternal, 0}}) {
    rte_mbuf* const m = factory_->Make(test::Payload(100).bytes, form);
    EXPECT_EQ(Normalize(m, pool_), m);
    rte_pktmbuf_free(m);
  }
}

TEST_F(NormalizeTest, GivesThePacketBackWhenMemoryIsOut) {
  rte_mbuf* const m = factory_->Make(test::Payload(100).bytes, {Layout::kPlain, 10});
  std::vector<rte_mbuf*> all;
  while (rte_mbuf* const taken = rte_pktmbuf_alloc(pool_)) all.push_back(taken);
  EXPECT_EQ(Normalize(m, pool_), nullptr);
  EXPECT_EQ(BytesOf(m), test::Payload(100).bytes);
  for (rte_mbuf* const taken : all) rte_pktmbuf_free(taken);
  rte_pktmbuf_free(m);
}

TEST_F(NormalizeTest, TrimCutsAtEveryByteOfEveryForm) {
  const Bytes frame = test::Payload(150).bytes;
  for (const Form& form : AllForms()) {
    if (form.layout == Layout::kShared || form.layout == Layout::kOriginal) continue;
    for (size_t length = 1; length <= frame.size(); ++length) {
      rte_mbuf* const m = factory_->Make(frame, form);
      TrimTo(m, static_cast<uint32_t>(length));
      ExpectSane(m);
      ASSERT_EQ(BytesOf(m), test::Cut(frame, length)) << form.Name() << " " << length;
      rte_pktmbuf_free(m);
    }
  }
}

TEST_F(NormalizeTest, PushFrontUsesHeadroomElseChains) {
  const Bytes frame = test::Payload(100).bytes;
  for (const Form& form : AllForms()) {
    if (form.layout == Layout::kShared || form.layout == Layout::kOriginal) continue;
    SCOPED_TRACE(form.Name());
    rte_mbuf* const m = factory_->Make(frame, form);
    m->port = 9;
    const uint16_t segments = m->nb_segs;
    rte_mbuf* const head = PushFront(m, 54, pool_);
    ASSERT_NE(head, nullptr);
    const bool room = form.layout == Layout::kPlain;
    EXPECT_EQ(head == m, room);
    EXPECT_EQ(head->nb_segs, segments + (room ? 0 : 1));
    ExpectSane(head);
    EXPECT_EQ(head->port, 9);
    EXPECT_EQ(head->pkt_len, 154u);
    std::memset(rte_pktmbuf_mtod(head, void*), 0, 54);
    EXPECT_EQ(BytesOf(head), test::Join(Bytes(54, 0), frame));
    rte_pktmbuf_free(head);
  }
}

TEST_F(NormalizeTest, PushFrontLeavesThePacketAloneWhenMemoryIsOut) {
  rte_mbuf* const m = factory_->Make(test::Payload(100).bytes, {Layout::kExternal, 0});
  std::vector<rte_mbuf*> all;
  while (rte_mbuf* const taken = rte_pktmbuf_alloc(pool_)) all.push_back(taken);
  EXPECT_EQ(PushFront(m, 54, pool_), nullptr);
  EXPECT_EQ(BytesOf(m), test::Payload(100).bytes);
  for (rte_mbuf* const taken : all) rte_pktmbuf_free(taken);
  rte_pktmbuf_free(m);
}

}  // namespace
}  // namespace flyover
