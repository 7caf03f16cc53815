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

// Buckets of a group of `members`: a power of two with at least 16 for each, from 64 to 4096.
unsigned BucketCount(size_t members);

// Shares of `buckets` in proportion to the weights, by largest remainder (Hamilton): each differs
// from the exact share by less than one bucket. Equal remainders go to the earlier member. Sum is
// `buckets`.
std::vector<unsigned> BucketShares(const std::vector<WeightedMember>& members, unsigned buckets);

// For each bucket the index of its member. `previous` has the keys of the last version's buckets (a
// power of two, or empty): a bucket keeps its member unless the member is gone or has more than its
// share. As many buckets as BucketCount says, or as `previous` has if those are more.
std::vector<uint16_t> AssignBuckets(const std::vector<WeightedMember>& members,
                                    const std::vector<uint32_t>& previous);

}  // namespace flyover::router
