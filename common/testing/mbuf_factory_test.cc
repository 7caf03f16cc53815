#include "common/testing/mbuf_factory.h"

#include <gtest/gtest.h>
#include <rte_mempool.h>

namespace flyover::test {
namespace {

TEST(MbufFactory, EveryFormHoldsTheSameBytesAndGivesAllBack) {
  rte_mempool* const pool =
      rte_pktmbuf_pool_create("factory", 511, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  ASSERT_NE(pool, nullptr);
  const Bytes frame = Payload(200).bytes;
  for (const Form& form : AllForms()) {
    SCOPED_TRACE(form.Name());
    MbufFactory factory(pool);
    rte_mbuf* const m = factory.Make(frame, form);
    EXPECT_EQ(BytesOf(m), frame);
    EXPECT_EQ(m->pkt_len, frame.size());
    const char* reason = nullptr;
    EXPECT_EQ(rte_mbuf_check(m, 1, &reason), 0) << reason;
    if (form.cut != 0) {
      EXPECT_EQ(m->nb_segs, (frame.size() + form.cut - 1) / form.cut);
    }
    const bool shared = form.layout == Layout::kShared || form.layout == Layout::kOriginal;
    if (shared) *rte_pktmbuf_mtod(m, uint8_t*) ^= 1;
    rte_pktmbuf_free(m);
    EXPECT_EQ(factory.ReleaseShared(), !shared);
    EXPECT_EQ(rte_mempool_in_use_count(pool), 0u);
    EXPECT_EQ(LiveExternalBuffers(), 0u);
  }
  rte_mempool_free(pool);
}

}  // namespace
}  // namespace flyover::test
