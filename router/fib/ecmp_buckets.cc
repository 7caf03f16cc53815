#include "router/fib/ecmp_buckets.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <unordered_map>

namespace flyover::router {

unsigned BucketCount(size_t members) {
  return static_cast<unsigned>(std::clamp<size_t>(std::bit_ceil(members * 16), 64, 4096));
}

unsigned BucketCount(const std::vector<WeightedMember>& members) {
  constexpr unsigned kMost = 8192;
  constexpr double kGoodEnough = 0.01;
  unsigned buckets = BucketCount(members.size());
  while (buckets < kMost &&
         WorstShareError(members, BucketShares(members, buckets)) > kGoodEnough) {
    buckets *= 2;
  }
  return buckets;
}

double WorstShareError(const std::vector<WeightedMember>& members,
                       const std::vector<unsigned>& shares) {
  double weights = 0, buckets = 0, worst = 0;
  for (const WeightedMember& m : members) weights += m.weight;
  for (const unsigned share : shares) buckets += share;
  for (size_t i = 0; i < members.size(); ++i) {
    const double exact = members[i].weight * buckets / weights;
    worst = std::max(worst, std::abs(shares[i] - exact) / exact);
  }
  return worst;
}

BucketChange CompareBuckets(const std::vector<uint32_t>& previous,
                            const std::vector<uint32_t>& now) {
  BucketChange change{.buckets = static_cast<uint32_t>(now.size())};
  if (previous.empty()) return change;
  const size_t repeat = now.size() / previous.size();
  std::unordered_map<uint32_t, uint32_t> had, has;
  for (size_t b = 0; b < now.size(); ++b) {
    change.moved += previous[b / repeat] != now[b] ? 1 : 0;
    ++had[previous[b / repeat]];
    ++has[now[b]];
  }
  uint32_t keepable = 0;
  for (const auto& [key, count] : has) {
    const auto before = had.find(key);
    if (before != had.end()) keepable += std::min(before->second, count);
  }
  change.least = change.buckets - keepable;
  return change;
}

std::vector<unsigned> BucketShares(const std::vector<WeightedMember>& members, unsigned buckets) {
  uint64_t total = 0;
  for (const WeightedMember& m : members) total += m.weight;

  std::vector<unsigned> shares;
  std::vector<uint64_t> remainders;
  unsigned given = 0;
  for (const WeightedMember& m : members) {
    const uint64_t exact = uint64_t{m.weight} * buckets;
    shares.push_back(static_cast<unsigned>(exact / total));
    remainders.push_back(exact % total);
    given += shares.back();
  }
  std::vector<size_t> order(members.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return remainders[a] > remainders[b]; });
  for (size_t i = 0; given < buckets; ++i, ++given) ++shares[order[i]];
  return shares;
}

std::vector<uint16_t> AssignBuckets(const std::vector<WeightedMember>& members,
                                    const std::vector<uint32_t>& previous) {
  const unsigned count = std::max(BucketCount(members), static_cast<unsigned>(previous.size()));
  std::vector<unsigned> left = BucketShares(members, count);

  std::unordered_map<uint32_t, uint16_t> by_key;
  for (size_t i = 0; i < members.size(); ++i) by_key[members[i].key] = static_cast<uint16_t>(i);

  constexpr uint16_t kUnassigned = 0xffff;
  std::vector<uint16_t> assigned(count, kUnassigned);
  if (!previous.empty()) {
    // A bucket is named by the hash's high bits: of twice as many, two neighbours are the old one.
    const size_t repeat = count / previous.size();
    for (size_t b = 0; b < count; ++b) {
      const auto kept = by_key.find(previous[b / repeat]);
      if (kept == by_key.end() || left[kept->second] == 0) continue;
      assigned[b] = kept->second;
      --left[kept->second];
    }
  }
  uint16_t taker = 0;
  for (uint16_t& bucket : assigned) {
    if (bucket != kUnassigned) continue;
    while (left[taker] == 0) ++taker;
    bucket = taker;
    --left[taker];
  }
  return assigned;
}

}  // namespace flyover::router
