// A hash map for millions of small entries: one array, linear probing, one cache line a look-up.
// Entries move when the map changes, so pointers last only until the next Insert or Erase.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "router/fib/huge_page_allocator.h"

namespace flyover::router {

template <typename Key, typename Value, typename Hash = std::hash<Key>>
class FlatMap {
 public:
  FlatMap() : slots_(kMinSlots) {}

  size_t size() const { return size_; }
  size_t memory_bytes() const { return slots_.size() * sizeof(Slot); }
  // What it will take with `entries`.
  static size_t BytesFor(size_t entries) {
    size_t slots = kMinSlots;
    while (entries * 8 > slots * 5) slots *= 2;
    return slots * sizeof(Slot);
  }

  Value* Find(const Key& key) {
    return const_cast<Value*>(static_cast<const FlatMap*>(this)->Find(key));
  }
  const Value* Find(const Key& key) const {
    for (size_t i = Home(key);; i = Next(i)) {
      if (!slots_[i].used) return nullptr;
      if (slots_[i].key == key) return &slots_[i].value;
    }
  }
  // An entry may reach into the next cache line.
  void Prefetch(const Key& key) const {
    const Slot& home = slots_[Home(key)];
    __builtin_prefetch(&home);
    __builtin_prefetch(&home + 1);
  }

  // The entry of `key`, made with a default value when there was none.
  Value& operator[](const Key& key) {
    // At most 5/8 full: misses, which covering searches are made of, then stay at about 4 probes.
    if ((size_ + 1) * 8 > slots_.size() * 5) Grow();
    size_t i = Home(key);
    for (; slots_[i].used; i = Next(i)) {
      if (slots_[i].key == key) return slots_[i].value;
    }
    slots_[i].key = key;
    slots_[i].used = true;
    slots_[i].value = Value{};
    ++size_;
    return slots_[i].value;
  }

  bool Erase(const Key& key) {
    size_t hole = Home(key);
    for (;; hole = Next(hole)) {
      if (!slots_[hole].used) return false;
      if (slots_[hole].key == key) break;
    }
    // Later entries of the run move up, so that no tombstones pile up under churn.
    for (size_t i = Next(hole); slots_[i].used; i = Next(i)) {
      const size_t distance = (i - Home(slots_[i].key)) & Mask();
      if (distance >= ((i - hole) & Mask())) {
        slots_[hole] = std::move(slots_[i]);
        hole = i;
      }
    }
    slots_[hole] = Slot{};
    --size_;
    return true;
  }

  // In no particular order. `visit` must not change the map, but may change the values of the
  // second.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const Slot& slot : slots_) {
      if (slot.used) visit(slot.key, slot.value);
    }
  }
  template <typename Visit>
  void ForEach(Visit visit) {
    ForEach(visit, [](const Key&, const Value&, unsigned) {});
  }
  // The same, with `approach(key, value, slots)` for each entry when it is 2 * kAhead and kAhead
  // slots away: to prefetch what the entry points to, and what that points to.
  static constexpr unsigned kAhead = 8;
  template <typename Visit, typename Approach>
  void ForEach(Visit visit, Approach approach) {
    for (size_t i = 0; i < slots_.size(); ++i) {
      for (const unsigned ahead : {2 * kAhead, kAhead}) {
        if (i + ahead >= slots_.size() || !slots_[i + ahead].used) continue;
        approach(std::as_const(slots_[i + ahead].key), std::as_const(slots_[i + ahead].value),
                 ahead);
      }
      if (slots_[i].used) visit(std::as_const(slots_[i].key), slots_[i].value);
    }
  }

 private:
  static constexpr size_t kMinSlots = 16;

  struct Slot {
    Key key{};
    bool used = false;
    Value value{};
  };

  using Slots = std::vector<Slot, HugePageAllocator<Slot>>;

  size_t Mask() const { return slots_.size() - 1; }
  size_t Next(size_t i) const { return (i + 1) & Mask(); }
  // std::hash of integers is the identity: the product spreads what differs in few bits over all of
  // them.
  size_t Home(const Key& key) const {
    __extension__ using Wide = unsigned __int128;
    const Wide product =
        static_cast<Wide>(Hash()(key) ^ 0x9e3779b97f4a7c15ULL) * 0xd6e8feb86659fd93ULL;
    return static_cast<size_t>((product >> 64) ^ product) & Mask();
  }

  void Grow() {
    Slots old(slots_.size() * 2);
    old.swap(slots_);
    for (size_t from = 0; from < old.size(); ++from) {
      // Where entries go lies anywhere: their misses overlap.
      if (from + kAhead < old.size() && old[from + kAhead].used) Prefetch(old[from + kAhead].key);
      Slot& slot = old[from];
      if (!slot.used) continue;
      size_t i = Home(slot.key);
      while (slots_[i].used) i = Next(i);
      slots_[i] = std::move(slot);
    }
  }

  Slots slots_;  // a power of two
  size_t size_ = 0;
};

}  // namespace flyover::router
