// A large zeroed array of its own mapping: costs address space at once and memory only where it is
// touched. Large tables ask for huge pages, since a random access into 4 KiB pages costs a TLB miss
// on top of the cache miss; small ones in a large range must not, or every entry costs 2 MiB.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

namespace flyover::router {

enum class Pages : uint8_t { kHuge, kSmall };

// T must be valid as all-zero bytes and need no destructor.
template <typename T>
class MappedArray {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  explicit MappedArray(size_t size, Pages pages = Pages::kHuge) : size_(size) {
    // Rounded and aligned to 2 MiB, or the kernel leaves both ends on small pages.
    bytes_ = (size * sizeof(T) + kHugePage - 1) / kHugePage * kHugePage + kHugePage;
    mapping_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping_ == MAP_FAILED) throw std::bad_alloc();
    const uintptr_t start =
        (reinterpret_cast<uintptr_t>(mapping_) + kHugePage - 1) & ~(kHugePage - 1);
    data_ = reinterpret_cast<T*>(start);
    // Only advice: without huge pages lookups are slower, not wrong.
    madvise(data_, bytes_ - kHugePage, pages == Pages::kHuge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  }
  ~MappedArray() { munmap(mapping_, bytes_); }
  MappedArray(const MappedArray&) = delete;
  MappedArray& operator=(const MappedArray&) = delete;

  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  static constexpr uintptr_t kHugePage = uintptr_t{2} << 20;

  size_t size_;
  size_t bytes_;
  void* mapping_;
  T* data_;
};

}  // namespace flyover::router
