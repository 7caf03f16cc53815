// Memory for large arrays that are accessed at random: on huge pages where the kernel gives them,
// since in a table of a hundred megabytes of 4 KiB pages every access costs a TLB miss, and filling
// it some ten thousand page faults.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <new>

namespace flyover::router {

template <typename T>
struct HugePageAllocator {
  using value_type = T;
  HugePageAllocator() = default;
  template <typename U>
  explicit HugePageAllocator(const HugePageAllocator<U>&) {}

  T* allocate(size_t n) {
    const size_t bytes = n * sizeof(T);
    if (bytes < kFrom) return static_cast<T*>(::operator new(bytes));
    const size_t whole = (bytes + kHugePage - 1) / kHugePage * kHugePage;
    void* const memory = std::aligned_alloc(kHugePage, whole);
    if (memory == nullptr) throw std::bad_alloc();
    // Only advice: without huge pages it is slower, not wrong.
    madvise(memory, whole, MADV_HUGEPAGE);
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, size_t n) {
    if (n * sizeof(T) < kFrom) {
      ::operator delete(memory);
    } else {
      std::free(memory);
    }
  }
  bool operator==(const HugePageAllocator&) const = default;

 private:
  static constexpr size_t kHugePage = size_t{2} << 20;
  static constexpr size_t kFrom = 2 * kHugePage;
};

}  // namespace flyover::router
