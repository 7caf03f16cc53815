#include "common/testing/mbuf_factory.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace flyover::test {
namespace {

std::atomic<size_t> live_external{0};

void FreeExternal(void* buffer, void* shared_info) {
  std::free(buffer);
  delete static_cast<rte_mbuf_ext_shared_info*>(shared_info);
  --live_external;
}

rte_mbuf* Alloc(rte_mempool* pool) {
  rte_mbuf* const m = rte_pktmbuf_alloc(pool);
  if (m == nullptr) {
    std::fprintf(stderr, "the test's packet pool is empty\n");
    std::abort();
  }
  return m;
}

rte_mbuf* MakeExternal(rte_mempool* pool, const uint8_t* data, uint16_t length) {
  rte_mbuf* const m = Alloc(pool);
  void* const buffer = std::malloc(std::max<size_t>(length, 1));
  std::memcpy(buffer, data, length);
  auto* const shared = new rte_mbuf_ext_shared_info;
  shared->free_cb = FreeExternal;
  shared->fcb_opaque = shared;
  rte_mbuf_ext_refcnt_set(shared, 1);
  rte_pktmbuf_attach_extbuf(m, buffer, RTE_BAD_IOVA, length, shared);
  m->data_off = 0;
  ++live_external;
  return m;
}

rte_mbuf* MakeOwn(rte_mempool* pool, const uint8_t* data, uint16_t length) {
  rte_mbuf* const m = Alloc(pool);
  std::memcpy(rte_pktmbuf_mtod(m, void*), data, length);
  return m;
}

}  // namespace

std::string Form::Name() const {
  const std::string segments = cut == 0 ? "" : "_by_" + std::to_string(cut);
  switch (layout) {
    case Layout::kPlain:
      return "plain" + segments;
    case Layout::kExternal:
      return "external" + segments;
    case Layout::kShared:
      return "shared" + segments;
    case Layout::kOriginal:
      return "original" + segments;
  }
  return "";
}

const std::vector<Form>& AllForms() {
  static const std::vector<Form> forms = {
      {Layout::kPlain, 0},     {Layout::kPlain, 1},    {Layout::kPlain, 13},
      {Layout::kPlain, 20},    {Layout::kPlain, 33},   {Layout::kPlain, 64},
      {Layout::kExternal, 0},  {Layout::kExternal, 7}, {Layout::kExternal, 34},
      {Layout::kExternal, 54}, {Layout::kShared, 0},   {Layout::kShared, 40},
      {Layout::kOriginal, 0},
  };
  return forms;
}

MbufFactory::~MbufFactory() {
  for (const Kept& kept : kept_) rte_pktmbuf_free(kept.m);
}

rte_mbuf* MbufFactory::MakeSegments(const Bytes& frame, const Form& form) {
  const size_t room = rte_pktmbuf_data_room_size(pool_) - RTE_PKTMBUF_HEADROOM;
  const size_t cut = form.cut != 0                      ? form.cut
                     : form.layout == Layout::kExternal ? std::max<size_t>(frame.size(), 1)
                                                        : room;
  rte_mbuf* head = nullptr;
  rte_mbuf** link = &head;
  uint16_t segments = 0;
  for (size_t at = 0; at < std::max<size_t>(frame.size(), 1); at += cut) {
    const auto length = static_cast<uint16_t>(std::min(cut, frame.size() - at));
    const uint8_t* const data = frame.data() + at;
    rte_mbuf* const m = form.layout == Layout::kExternal ? MakeExternal(pool_, data, length)
                                                         : MakeOwn(pool_, data, length);
    m->data_len = length;
    *link = m;
    link = &m->next;
    ++segments;
  }
  head->nb_segs = segments;
  head->pkt_len = static_cast<uint32_t>(frame.size());
  return head;
}

rte_mbuf* MbufFactory::Make(const Bytes& frame, const Form& form) {
  rte_mbuf* const m = MakeSegments(frame, form);
  if (form.layout != Layout::kShared && form.layout != Layout::kOriginal) return m;
  rte_mbuf* const clone = rte_pktmbuf_clone(m, pool_);
  if (clone == nullptr) std::abort();
  const bool send_clone = form.layout == Layout::kShared;
  kept_.push_back({send_clone ? m : clone, frame});
  return send_clone ? clone : m;
}

bool MbufFactory::ReleaseShared() {
  bool untouched = true;
  for (const Kept& kept : kept_) {
    untouched = untouched && BytesOf(kept.m) == kept.bytes;
    rte_pktmbuf_free(kept.m);
  }
  kept_.clear();
  return untouched;
}

size_t LiveExternalBuffers() { return live_external.load(); }

Bytes BytesOf(const rte_mbuf* m) {
  Bytes bytes;
  for (; m != nullptr; m = m->next) {
    const auto* const data = rte_pktmbuf_mtod(m, const uint8_t*);
    bytes.insert(bytes.end(), data, data + m->data_len);
  }
  return bytes;
}

}  // namespace flyover::test
