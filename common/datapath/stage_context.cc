#include "common/datapath/stage_context.h"

#include "common/datapath/normalize.h"

namespace flyover {

StageContext::StageContext(const Options& options) : options_(options) {
  for (size_t c = 0; c < kPuntClassCount; ++c) {
    const uint32_t rate = options.punt_rate[c];
    // A tenth of a second may come at once: a BGP peer sends its table in bursts.
    policers_[c] = TokenBucket(rate, std::max<uint32_t>(rate / 10, 1), options.tsc_hz);
  }
}

void StageContext::Drop(rte_mbuf* m, DropReason reason) {
  ++ledger_[SourceOf(m)].drops[static_cast<size_t>(reason)];
  drop_list_[drop_count_++] = m;
  if (drop_count_ == kMaxBurst) FlushDrops();
}

void StageContext::FlushDrops() {
  rte_pktmbuf_free_bulk(drop_list_.data(), drop_count_);
  drop_count_ = 0;
}

void StageContext::Punt(rte_mbuf* m, PuntReason reason) {
  const auto punt_class = static_cast<size_t>(Info(reason).punt_class);
  if (!policers_[punt_class].Take(now_)) {
    ++policed_[punt_class];
    return Drop(m, DropReason::kPuntPoliced);
  }
  const SourceId source = SourceOf(m);
  if (rte_ring_sp_enqueue(options_.punt_ring, m) != 0) return Drop(m, DropReason::kPuntRingFull);
  ++punts_[static_cast<size_t>(reason)];
  ++ledger_[source].handed_over;
}

rte_mbuf* StageContext::Generate() {
  rte_mbuf* const m = rte_pktmbuf_alloc(options_.pool);
  if (m == nullptr) return nullptr;
  SetSource(m, kGeneratedSource);
  ++ledger_[kGeneratedSource].entered;
  return m;
}

rte_mbuf* StageContext::Copy(const rte_mbuf* m, uint32_t offset, uint32_t length) {
  rte_mbuf* const copy = rte_pktmbuf_copy(m, options_.pool, offset, length);
  if (copy == nullptr) return nullptr;
  copy->port = m->port;
  ++ledger_[SourceOf(m)].copies;
  return copy;
}

}  // namespace flyover
