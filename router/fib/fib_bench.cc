// Cycles a look-up, and the time to load and to change large synthetic tables.
//
//   hot   4,096 addresses, again and again
//   cold  4 Mi addresses inside the prefixes: more lines than any cache holds
//
// TSC ticks, the best of several short runs: longer ones would measure the scheduler too.
#include <x86intrin.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <vector>

#include "router/fib/fib4.h"
#include "router/fib/fib6.h"

namespace flyover::router {
namespace {

constexpr unsigned kBatch = 64;
constexpr size_t kHot = 4096;
constexpr size_t kCold = size_t{4} << 20;
constexpr size_t kRun = 65'536;  // look-ups timed at once

uint64_t sink = 0;  // what is looked up is used

template <typename Body>
double Seconds(Body body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// `lookup(first, out)` looks kBatch addresses up. The median of the runs over `size` addresses.
template <typename LookupBatch>
double CyclesPerLookup(size_t size, LookupBatch lookup) {
  std::vector<double> runs;
  GroupId out[kBatch];
  size_t next = 0;
  for (unsigned run = 0; run < 64; ++run) {
    const uint64_t start = __rdtsc();
    for (size_t done = 0; done < kRun; done += kBatch) {
      lookup(next, out);
      for (const GroupId id : out) sink += id.value();
      next = (next + kBatch) % size;
    }
    runs.push_back(static_cast<double>(__rdtsc() - start) / kRun);
  }
  std::nth_element(runs.begin(), runs.begin() + runs.size() / 2, runs.end());
  return runs[runs.size() / 2];
}

// Lengths as in a table of the Internet: the share of each in percent.
template <size_t N>
unsigned PickLength(std::mt19937_64& random, const unsigned (&shares)[N][2]) {
  auto left = static_cast<unsigned>(random() % 100);
  for (const auto& [length, share] : shares) {
    if (left < share) return length;
    left -= share;
  }
  return shares[0][0];
}

template <typename Fib>
void Load(const char* name, Fib& fib, const std::vector<IpPrefix>& prefixes, QsbrDomain& qsbr) {
  size_t refused = 0;
  const double load = Seconds([&] {
    for (size_t i = 0; i < prefixes.size(); ++i) {
      refused +=
          fib.Add(prefixes[i], GroupId(static_cast<uint32_t>(1 + i % 1000)), qsbr).ok() ? 0 : 1;
      if (i % 256 == 0) qsbr.Reclaim();
    }
  });
  const size_t flaps = prefixes.size() / 10;
  const double churn = Seconds([&] {
    for (size_t i = 0; i < flaps; ++i) {
      // Prefixes drawn twice are gone the second time.
      if (fib.Remove(prefixes[i], qsbr).ok()) {
        refused += fib.Add(prefixes[i], GroupId(1), qsbr).ok() ? 0 : 1;
      }
      if (i % 256 == 0) qsbr.Reclaim();
    }
  });
  std::printf("%s: %zu routes, %.1f MB, loaded in %.2f s, %.2f M changes/s, %zu refused\n", name,
              fib.size(), static_cast<double>(fib.memory_bytes()) / 1e6, load,
              2e-6 * static_cast<double>(flaps) / churn, refused);
}

void BenchIpv4(std::mt19937_64& random, QsbrDomain& qsbr) {
  constexpr unsigned kShares[][2] = {{24, 60}, {23, 10}, {22, 12}, {21, 5}, {20, 5},
                                     {19, 3},  {16, 2},  {18, 1},  {28, 1}, {32, 1}};
  std::vector<IpPrefix> prefixes;
  while (prefixes.size() < 1'000'000) {
    prefixes.emplace_back(Ipv4Address{static_cast<uint32_t>(random())},
                          PickLength(random, kShares));
  }
  Fib4 fib;
  Load("IPv4", fib, prefixes, qsbr);
  std::vector<uint32_t> dst;
  while (dst.size() < kCold) {
    const IpPrefix& p = prefixes[random() % prefixes.size()];
    const uint32_t host = p.IsHost() ? 0 : static_cast<uint32_t>(random()) >> p.length();
    dst.push_back(p.address().v4().value | host);
  }
  const auto lookup = [&](size_t first, GroupId* out) { fib.Lookup(&dst[first], out, kBatch); };
  std::printf("  hot  %6.1f cycles/look-up\n", CyclesPerLookup(kHot, lookup));
  std::printf("  cold %6.1f cycles/look-up\n", CyclesPerLookup(kCold, lookup));
}

void BenchIpv6(std::mt19937_64& random, QsbrDomain& qsbr) {
  constexpr unsigned kShares[][2] = {{48, 48}, {32, 17}, {44, 10}, {40, 8},
                                     {29, 7},  {36, 6},  {64, 4}};
  std::vector<IpPrefix> prefixes;
  const auto fill = [&random](Ipv6Address& a, unsigned from) {
    for (unsigned i = from; i < 16; ++i) a.bytes[i] = static_cast<uint8_t>(random());
  };
  while (prefixes.size() < 230'000) {
    // Providers' /32s out of the registries' blocks, and most others inside one of 20,000 of them.
    std::mt19937_64 provider(random() % 20'000);
    Ipv6Address a{{0x2a}};
    for (unsigned i = 1; i < 4; ++i)
      a.bytes[i] = static_cast<uint8_t>(provider() & (i == 1 ? 15 : 255));
    fill(a, 4);
    prefixes.emplace_back(a, PickLength(random, kShares));
  }
  Fib6 fib;
  Load("IPv6", fib, prefixes, qsbr);
  std::vector<Ipv6Address> addresses;
  while (addresses.size() < kCold) {
    const IpPrefix& p = prefixes[random() % prefixes.size()];
    Ipv6Address a = p.address().v6();
    fill(a, (p.length() + 7) / 8);
    addresses.push_back(a);
  }
  const auto lookup = [&](size_t first, GroupId* out) {
    const std::array<uint8_t, 16>* dst[kBatch];
    for (unsigned i = 0; i < kBatch; ++i) dst[i] = &addresses[first + i].bytes;
    fib.Lookup(dst, out, kBatch);
  };
  std::printf("  hot  %6.1f cycles/look-up\n", CyclesPerLookup(kHot, lookup));
  std::printf("  cold %6.1f cycles/look-up\n", CyclesPerLookup(kCold, lookup));
}

}  // namespace
}  // namespace flyover::router

int main() {
  std::mt19937_64 random(1);
  flyover::QsbrDomain qsbr(1);
  flyover::router::BenchIpv4(random, qsbr);
  flyover::router::BenchIpv6(random, qsbr);
  std::printf("(checksum %llu)\n", static_cast<unsigned long long>(flyover::router::sink));
  return 0;
}
