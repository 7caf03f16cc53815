// Longest-prefix match as one would write it on paper: the model that the tables are tested
// against.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <random>
#include <unordered_map>
#include <vector>

#include "common/net/ip_prefix.h"

namespace flyover::router {

class NaiveLpm {
 public:
  void Add(const IpPrefix& prefix, uint32_t group) {
    auto& level = by_length_[prefix.length()];
    size_ += level.insert_or_assign(prefix.address(), group).second ? 1 : 0;
  }
  bool Remove(const IpPrefix& prefix) {
    const bool removed = by_length_[prefix.length()].erase(prefix.address()) == 1;
    size_ -= removed ? 1 : 0;
    return removed;
  }
  uint32_t Lookup(const IpAddress& address) const {
    for (unsigned length = address.bits() + 1; length-- > 0;) {
      if (by_length_[length].empty()) continue;
      const auto it = by_length_[length].find(MaskAddress(address, length));
      if (it != by_length_[length].end()) return it->second;
    }
    return 0;
  }
  size_t size() const { return size_; }

 private:
  std::array<std::unordered_map<IpAddress, uint32_t>, 129> by_length_;
  size_t size_ = 0;
};

// How many operations a random test makes: FLYOVER_FIB_OPERATIONS where that is set.
inline uint64_t OperationCount(uint64_t otherwise) {
  const char* const set = std::getenv("FLYOVER_FIB_OPERATIONS");
  return set != nullptr ? std::strtoull(set, nullptr, 10) : otherwise;
}

// The first and last address of a prefix and their neighbours outside: where off-by-one errors
// show.
inline std::vector<IpAddress> BoundaryQuartet(const IpPrefix& prefix) {
  const size_t bytes = prefix.address().bits() / 8;
  std::array<uint8_t, 16> first = prefix.address().bytes();
  std::array<uint8_t, 16> last = first;
  for (size_t bit = prefix.length(); bit < bytes * 8; ++bit) {
    last[bit / 8] = static_cast<uint8_t>(last[bit / 8] | 0x80u >> (bit % 8));
  }
  std::array<uint8_t, 16> before = first;
  for (size_t i = bytes; i-- > 0 && before[i]-- == 0;) {
  }
  std::array<uint8_t, 16> after = last;
  for (size_t i = bytes; i-- > 0 && ++after[i] == 0;) {
  }
  std::vector<IpAddress> quartet;
  for (const auto& b : {before, first, last, after}) {
    if (bytes == 16) {
      quartet.emplace_back(Ipv6Address{b});
    } else {
      quartet.emplace_back(Ipv4Address{LoadBe32(b.data())});
    }
  }
  return quartet;
}

}  // namespace flyover::router
