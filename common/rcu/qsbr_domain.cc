#include "common/rcu/qsbr_domain.h"

#include <rte_rcu_qsbr.h>

#include <cstdlib>
#include <new>

namespace flyover {

QsbrDomain::QsbrDomain(unsigned max_readers) {
  const size_t size = rte_rcu_qsbr_get_memsize(max_readers);
  qsbr_ = static_cast<rte_rcu_qsbr*>(std::aligned_alloc(RTE_CACHE_LINE_SIZE, size));
  if (qsbr_ == nullptr || rte_rcu_qsbr_init(qsbr_, max_readers) != 0) throw std::bad_alloc();
}

QsbrDomain::~QsbrDomain() {
  // An action may retire more.
  while (!retired_.empty()) {
    const std::function<void()> action = std::move(retired_.front().action);
    retired_.pop_front();
    action();
  }
  std::free(qsbr_);
}

void QsbrDomain::RetireCall(std::function<void()> action) {
  retired_.push_back({rte_rcu_qsbr_start(qsbr_), std::move(action)});
}

size_t QsbrDomain::Reclaim() {
  while (!retired_.empty() &&
         rte_rcu_qsbr_check(qsbr_, retired_.front().token, /*wait=*/false) == 1) {
    // Moved out first: the action may retire something else.
    const std::function<void()> action = std::move(retired_.front().action);
    retired_.pop_front();
    action();
  }
  return retired_.size();
}

QsbrReader::QsbrReader(QsbrDomain& domain, unsigned reader_index)
    : qsbr_(domain.raw()), index_(reader_index) {
  rte_rcu_qsbr_thread_register(qsbr_, index_);
  rte_rcu_qsbr_thread_online(qsbr_, index_);
}

QsbrReader::~QsbrReader() {
  rte_rcu_qsbr_thread_offline(qsbr_, index_);
  rte_rcu_qsbr_thread_unregister(qsbr_, index_);
}

void QsbrReader::Quiescent() { rte_rcu_qsbr_quiescent(qsbr_, index_); }
void QsbrReader::Offline() { rte_rcu_qsbr_thread_offline(qsbr_, index_); }
void QsbrReader::Online() { rte_rcu_qsbr_thread_online(qsbr_, index_); }

}  // namespace flyover
