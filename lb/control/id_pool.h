// Small numbers for names, stable for as long as a name is in use, and not given to another name
// while something may still hold them.
//
// A connection entry holds a backend's id. When the backend goes, entries that name it stay until
// they have been silent for the longest timeout and a sweep has met them. An id is therefore free
// again once that time has passed and every table's sweep has gone round completely after it.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace flyover::lb {

class IdPool {
 public:
  using Clock = std::chrono::steady_clock;

  // Ids are 0 to capacity - 1; low ones are given first, so that tables indexed by them stay short.
  explicit IdPool(unsigned capacity) : capacity_(capacity) {}

  struct Acquired {
    uint16_t id;
    bool fresh;  // not the key's id all along: what was counted for the id is not the key's
  };
  // The key's id, a retired one included, or a free one. REQUIRES: Knows(key) or available() > 0.
  Acquired Acquire(const std::string& key);
  bool Knows(const std::string& key) const { return ids_.contains(key); }
  size_t available() const { return capacity_ - next_ + free_.size(); }

  // The key is out of use from `now` on. Its id waits for Collect.
  void Retire(const std::string& key, Clock::time_point now);
  // Frees retired ids that nothing can hold any more. `hold`: how long an entry may outlive its
  // last packet. `sweeps`: completed sweeps of each connection table, always in the same order.
  void Collect(Clock::time_point now, Clock::duration hold, std::span<const uint64_t> sweeps);
  // Frees a key's id at once: for ids that nothing holds.
  void Free(const std::string& key);

  size_t retired() const { return retired_.size(); }

 private:
  struct Retired {
    std::string key;
    Clock::time_point since;
    // Set when `hold` had passed: the hold it was judged by, and the sweeps at that moment.
    Clock::duration judged_by{};
    std::vector<uint64_t> sweeps;
    bool marked = false;
  };

  unsigned capacity_;
  unsigned next_ = 0;                              // ids from here on were never given
  std::set<uint16_t> free_;                        // given back
  std::unordered_map<std::string, uint16_t> ids_;  // in use or retired
  std::deque<Retired> retired_;
};

}  // namespace flyover::lb
