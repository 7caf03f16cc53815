// Deferred freeing for what lcores may still be reading: quiescent-state based reclamation over
// rte_rcu_qsbr.
//
// Invariants
//  1. A reader holds pointers obtained from shared tables only between two of its quiescent points.
//  2. What is retired was unlinked first; it is destroyed once every reader that was online at that
//  moment has
//     passed a quiescent point or gone offline.
//  3. Nothing here blocks: a stalled lcore delays memory, not commands. The backlog is a gauge.
//
// Threads: Retire and Reclaim belong to the control thread. ReaderHandle belongs to one reader
// thread. Works without EAL, so tests need neither hugepages nor root.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

struct rte_rcu_qsbr;

namespace flyover {

class QsbrDomain {
 public:
  explicit QsbrDomain(unsigned max_readers);
  ~QsbrDomain();  // destroys all that is retired. REQUIRES: no reader is online.
  QsbrDomain(const QsbrDomain&) = delete;
  QsbrDomain& operator=(const QsbrDomain&) = delete;

  // Destroys `object` after the grace period.
  template <typename T>
  void Retire(std::unique_ptr<T> object) {
    if (object != nullptr) {
      RetireCall([raw = std::shared_ptr<const void>(std::move(object))] {});
    }
  }
  // Runs `action` (on the control thread, from Reclaim) after the grace period.
  void RetireCall(std::function<void()> action);

  // Frees what no reader can hold any more; returns how many objects still wait.
  size_t Reclaim();
  size_t pending() const { return retired_.size(); }

  rte_rcu_qsbr* raw() { return qsbr_; }

 private:
  struct Retired {
    uint64_t token;
    std::function<void()> action;
  };
  rte_rcu_qsbr* qsbr_;
  std::deque<Retired> retired_;  // oldest first
};

// A reader's registration. Construct, use and destroy on the reader's own thread.
class QsbrReader {
 public:
  QsbrReader(QsbrDomain& domain, unsigned reader_index);
  ~QsbrReader();
  QsbrReader(const QsbrReader&) = delete;
  QsbrReader& operator=(const QsbrReader&) = delete;

  // The one moment of the loop at which no table pointer is held.
  void Quiescent();
  // Around anything that sleeps: an offline reader delays nobody and must not touch shared tables.
  void Offline();
  void Online();

 private:
  rte_rcu_qsbr* qsbr_;
  unsigned index_;
};

}  // namespace flyover
