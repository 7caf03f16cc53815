// What clients' packets tell of the handshakes with a backend, whose own packets we never see: how
// many were completed, how soon, how many SYNs had to be repeated or met silence, how many clients
// gave up with a reset. Of the sample that HandshakeWatch takes (lb/datapath/handshake_watch.h).
//
// Threads: as LbCounters: the lcore that owns them adds; any thread reads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "lb/service/owned_counter.h"

namespace flyover::lb {

// Upper bounds of the histogram's buckets, in microseconds; the last one has none.
inline constexpr std::array<uint32_t, 11> kAnswerBounds = {
    500, 1'000, 2'500, 5'000, 10'000, 25'000, 50'000, 100'000, 250'000, 500'000, 1'000'000};
inline constexpr size_t kAnswerBuckets = kAnswerBounds.size() + 1;

constexpr size_t AnswerBucket(uint32_t microseconds) {
  size_t bucket = 0;
  while (bucket < kAnswerBounds.size() && microseconds > kAnswerBounds[bucket]) ++bucket;
  return bucket;
}

struct HandshakeTotals {
  uint64_t repeated = 0;    // SYNs that came again before an answer
  uint64_t unanswered = 0;  // clients that sent no ACK within HandshakeWatch::kGiveUp
  uint64_t reset = 0;       // reset by the client before the answer, or within a second of its SYN
  std::array<uint64_t, kAnswerBuckets> answers{};  // by time from SYN to the client's ACK

  uint64_t answered() const {
    uint64_t sum = 0;
    for (const uint64_t n : answers) sum += n;
    return sum;
  }
  // The bound that `share` of the answers did not pass, in microseconds; 0: no answers. Beyond the
  // last bound it is that one.
  uint32_t Percentile(double share) const {
    const auto wanted = static_cast<double>(answered()) * share;
    uint64_t sum = 0;
    for (size_t i = 0; i < kAnswerBuckets; ++i) {
      sum += answers[i];
      if (sum > 0 && static_cast<double>(sum) >= wanted) {
        return kAnswerBounds[i < kAnswerBounds.size() ? i : kAnswerBounds.size() - 1];
      }
    }
    return 0;
  }

  HandshakeTotals& operator+=(const HandshakeTotals& o) {
    repeated += o.repeated;
    unanswered += o.unanswered;
    reset += o.reset;
    for (size_t i = 0; i < kAnswerBuckets; ++i) answers[i] += o.answers[i];
    return *this;
  }
  HandshakeTotals& operator-=(const HandshakeTotals& o) {
    repeated -= o.repeated;
    unanswered -= o.unanswered;
    reset -= o.reset;
    for (size_t i = 0; i < kAnswerBuckets; ++i) answers[i] -= o.answers[i];
    return *this;
  }
  bool operator==(const HandshakeTotals&) const = default;
};

struct HandshakeCounters {
  OwnedCounter repeated;
  OwnedCounter unanswered;
  OwnedCounter reset;
  std::array<OwnedCounter, kAnswerBuckets> answers;

  HandshakeTotals Load() const {
    HandshakeTotals totals{repeated.Load(), unanswered.Load(), reset.Load(), {}};
    for (size_t i = 0; i < kAnswerBuckets; ++i) totals.answers[i] = answers[i].Load();
    return totals;
  }
};

}  // namespace flyover::lb
