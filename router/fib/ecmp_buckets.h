// How many of a group's hash buckets each member gets, and which.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace flyover::router {

struct WeightedMember {
  uint32_t key = 0;     // unique within the group
  uint32_t weight = 1;  // at least 1
};

// Buckets of a group of equal members: a power of two with at least 16 for each, from 64 to 4096.
unsigned BucketCount(size_t members);
// As many, and twice that and so on up to 8192 until the share of every member is within 1 % of
// what its weight asks for. (8192 hold that for all members with 1/82 or more.)
unsigned BucketCount(const std::vector<WeightedMember>& members);

// Shares of `buckets` in proportion to the weights, by largest remainder (Hamilton): each differs
// from the exact share by less than one bucket. Equal remainders go to the earlier member. Sum is
// `buckets`.
std::vector<unsigned> BucketShares(const std::vector<WeightedMember>& members, unsigned buckets);

// For each bucket the index of its member. `previous` has the keys of the last version's buckets (a
// power of two, or empty): a bucket keeps its member unless the member is gone or has more than its
// share. As many buckets as BucketCount (of these members) says, or as `previous` has if those are
// more.
std::vector<uint16_t> AssignBuckets(const std::vector<WeightedMember>& members,
                                    const std::vector<uint32_t>& previous);

// The largest deviation of a member's share from its weight's, relative to the latter: 0.01 is 1 %.
double WorstShareError(const std::vector<WeightedMember>& members,
                       const std::vector<unsigned>& shares);

// What a change did to the flows of a group.
struct BucketChange {
  uint32_t buckets = 0;  // there are now
  uint32_t moved = 0;    // that have another member than before
  uint32_t least = 0;    // that no assignment with these shares could have left where they were
  bool operator==(const BucketChange&) const = default;
};
// `previous` and `now`: keys by bucket; their sizes are powers of two, the second not the smaller.
BucketChange CompareBuckets(const std::vector<uint32_t>& previous,
                            const std::vector<uint32_t>& now);

}  // namespace flyover::router
