// What a look-up costs, and how long it takes to load, to change and to fail
// over large tables, beside DPDK's rte_fib, rte_fib6 and rte_lpm with the same
// prefixes and the same addresses.
//
//   hot   4,096 addresses, again and again
//   cold  4 Mi addresses inside the prefixes: more lines than any cache holds
//
// All tables are asked in turn, round after round, in short runs: what disturbs
// the machine disturbs them alike, and a run longer than a time slice would
// measure the scheduler. Printed are TSC ticks a look-up, the median and the
// worst of the rounds, and the median of each round's ratio to ours. Tables and
// addresses lie in huge pages where the machine grants them.
#include <rte_eal.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_lpm.h>
#include <rte_memory.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <x86intrin.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "router/fib/forwarding_tables.h"

namespace flyover::router {
namespace {

constexpr unsigned kBatch = 64;
constexpr size_t kHot = 4096;
constexpr size_t kCold = size_t{4} << 20;
constexpr size_t kRun = 16'384;  // look-ups timed at once
constexpr unsigned kRounds = 301;
constexpr size_t kLpmRoutes = 50'000;  // rte_lpm's add is a scan: a million would take minutes

uint64_t sink = 0;  // what is looked up is used

template <typename Body>
double Seconds(Body body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

struct Contestant {
  std::string name;
  // Looks up kBatch addresses from the `first`th on and adds the results to
  // `sink`.
  std::function<void(size_t first)> lookup;
};

void Race(const char* what, const std::vector<Contestant>& contestants, size_t addresses) {
  std::vector<std::vector<double>> cycles(contestants.size());
  std::vector<std::vector<double>> ratios(contestants.size());
  size_t next = 0;
  for (unsigned round = 0; round < kRounds; ++round) {
    for (size_t turn = 0; turn < contestants.size(); ++turn) {
      // There and back again: nobody always follows the same one.
      const size_t c = round % 2 == 0 ? turn : contestants.size() - 1 - turn;
      // Few addresses are hot: the others' turns have pushed them out of the
      // caches.
      for (size_t i = 0; i < addresses && addresses <= kRun; i += kBatch) contestants[c].lookup(i);
      const uint64_t start = __rdtsc();
      for (size_t done = 0; done < kRun; done += kBatch) {
        contestants[c].lookup((next + done) % addresses);
      }
      cycles[c].push_back(static_cast<double>(__rdtsc() - start) / kRun);
    }
    for (size_t c = 0; c < contestants.size(); ++c) {
      ratios[c].push_back(cycles[c].back() / cycles[0].back());
    }
    next = (next + kRun) % addresses;
  }
  for (size_t c = 0; c < contestants.size(); ++c) {
    std::printf("  %-4s  %-22s %7.1f  worst %7.1f", what, contestants[c].name.c_str(),
                Median(cycles[c]), *std::max_element(cycles[c].begin(), cycles[c].end()));
    if (c != 0) std::printf("  ratio %.2f", Median(ratios[c]));
    std::printf("\n");
  }
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

GroupId GroupOf(size_t i) { return GroupId(static_cast<uint32_t>(1 + i % 1000)); }

template <typename Fib>
void Load(const char* name, Fib& fib, const std::vector<IpPrefix>& prefixes, QsbrDomain& qsbr) {
  size_t refused = 0;
  const double load = Seconds([&] {
    for (size_t i = 0; i < prefixes.size(); ++i) {
      refused += fib.Add(prefixes[i], GroupOf(i), qsbr).ok() ? 0 : 1;
      if (i % 256 == 0) qsbr.Reclaim();
    }
  });
  const size_t flaps = prefixes.size() / 5;
  const double flap = Seconds([&] {
    for (size_t i = 0; i < flaps; ++i) {
      refused += fib.Remove(prefixes[i], qsbr).ok() ? 0 : 1;
      refused += fib.Add(prefixes[i], GroupOf(i), qsbr).ok() ? 0 : 1;
      if (i % 256 == 0) qsbr.Reclaim();
    }
  });
  const double change = Seconds([&] {
    for (size_t i = 0; i < flaps; ++i) {
      refused += fib.Add(prefixes[i], GroupOf(i + 1), qsbr).ok() ? 0 : 1;
      if (i % 256 == 0) qsbr.Reclaim();
    }
    for (size_t i = 0; i < flaps; ++i) {
      refused += fib.Add(prefixes[i], GroupOf(i), qsbr).ok() ? 0 : 1;
    }
  });
  qsbr.Reclaim();
  const double count = 2e-6 * static_cast<double>(flaps);
  std::printf(
      "%s: %zu routes, %zu refused; lcores read %.1f MB, the writer "
      "keeps %.1f MB beside it\n"
      "  loaded in %.2f s; %.2f M changes/s withdrawn and announced, "
      "%.2f M/s of next hop\n",
      name, fib.size(), refused, static_cast<double>(fib.table_bytes()) / 1e6,
      static_cast<double>(fib.rule_bytes()) / 1e6, load, count / flap, count / change);
}

void BenchIpv4(uint64_t seed, QsbrDomain& qsbr) {
  constexpr unsigned kShares[][2] = {{24, 60}, {23, 10}, {22, 12}, {21, 5}, {20, 5},
                                     {19, 3},  {16, 2},  {18, 1},  {28, 1}, {32, 1}};
  std::mt19937_64 random(seed);
  std::vector<IpPrefix> prefixes;
  FlatMap<IpPrefix, bool> known;
  while (prefixes.size() < 1'000'000) {
    const IpPrefix prefix(Ipv4Address{static_cast<uint32_t>(random())},
                          PickLength(random, kShares));
    if (std::exchange(known[prefix], true)) continue;
    prefixes.push_back(prefix);
  }
  Fib4 fib;
  Load("IPv4", fib, prefixes, qsbr);

  rte_fib_conf conf{};
  conf.type = RTE_FIB_DIR24_8;
  conf.max_routes = 2'000'000;
  conf.dir24_8.nh_sz = RTE_FIB_DIR24_8_4B;
  conf.dir24_8.num_tbl8 = 1u << 16;
  rte_fib* const dpdk = rte_fib_create("fib", -1, &conf);
  rte_lpm_config lpm_conf{};
  lpm_conf.max_rules = kLpmRoutes + 1;
  lpm_conf.number_tbl8s = 1u << 12;
  rte_lpm* const lpm = rte_lpm_create("lpm", -1, &lpm_conf);
  if (dpdk == nullptr || lpm == nullptr) throw std::bad_alloc();
  size_t refused = 0;
  const double load = Seconds([&] {
    for (size_t i = 0; i < prefixes.size(); ++i) {
      refused += rte_fib_add(dpdk, prefixes[i].address().v4().value,
                             static_cast<uint8_t>(prefixes[i].length()), GroupOf(i).value()) == 0
                     ? 0
                     : 1;
    }
  });
  std::printf("  rte_fib: loaded in %.2f s, %zu refused\n", load, refused);
  refused = 0;
  const double lpm_load = Seconds([&] {
    for (size_t i = 0; i < kLpmRoutes; ++i) {
      refused += rte_lpm_add(lpm, prefixes[i].address().v4().value,
                             static_cast<uint8_t>(prefixes[i].length()), GroupOf(i).value()) == 0
                     ? 0
                     : 1;
    }
  });
  std::printf(
      "  rte_lpm: %zu routes only, since its add is a scan: %.2f s, "
      "%zu refused\n",
      kLpmRoutes, lpm_load, refused);

  MappedArray<uint32_t> dst(kCold), lpm_dst(kCold);
  const auto inside = [&](size_t routes) {
    const IpPrefix& p = prefixes[random() % routes];
    const uint32_t host = p.IsHost() ? 0 : static_cast<uint32_t>(random()) >> p.length();
    return p.address().v4().value | host;
  };
  for (size_t i = 0; i < kCold; ++i) dst[i] = inside(prefixes.size());
  for (size_t i = 0; i < kCold; ++i) lpm_dst[i] = inside(kLpmRoutes);
  size_t different = 0;
  const std::vector<Contestant> contestants = {
      {"Fib4",
       [&](size_t first) {
         GroupId out[kBatch];
         fib.Lookup(&dst[first], out, kBatch);
         for (const GroupId id : out) sink += id.value();
       }},
      {"rte_fib bulk",
       [&](size_t first) {
         uint64_t out[kBatch];
         rte_fib_lookup_bulk(dpdk, &dst[first], out, kBatch);
         for (const uint64_t id : out) sink += id;
       }},
      {"rte_lpm x4 (50k routes)",
       [&](size_t first) {
         uint32_t out[kBatch];
         for (unsigned i = 0; i < kBatch; i += 4) {
           rte_lpm_lookupx4(lpm,
                            _mm_loadu_si128(reinterpret_cast<const __m128i*>(&lpm_dst[first + i])),
                            &out[i], 0);
         }
         for (const uint32_t id : out) sink += id;
       }},
  };
  for (size_t first = 0; first < kCold; first += kBatch) {
    GroupId ours[kBatch];
    uint64_t theirs[kBatch];
    fib.Lookup(&dst[first], ours, kBatch);
    rte_fib_lookup_bulk(dpdk, &dst[first], theirs, kBatch);
    for (unsigned i = 0; i < kBatch; ++i) different += ours[i].value() != theirs[i] ? 1 : 0;
  }
  std::printf("  %zu of %zu addresses get another answer from rte_fib\n", different, kCold);
  Race("hot", contestants, kHot);
  Race("cold", contestants, kCold);
  rte_fib_free(dpdk);
  rte_lpm_free(lpm);
}

// Registries give providers a /32 or a /29 each out of some fifty /16s; most
// other prefixes lie in one of those, and some providers announce thousands, as
// by Zipf.
std::vector<IpPrefix> Ipv6Prefixes(std::mt19937_64& random, size_t count) {
  constexpr unsigned kShares[][2] = {{48, 46}, {32, 13}, {44, 8}, {40, 7}, {29, 6}, {36, 5},
                                     {46, 4},  {47, 3},  {45, 2}, {33, 2}, {64, 3}, {56, 1}};
  constexpr size_t kProviders = 30'000;
  std::vector<uint32_t> providers;
  while (providers.size() < kProviders) {
    constexpr uint32_t kRegions[] = {0x2400, 0x2600, 0x2800, 0x2a00};
    const auto pick = static_cast<uint32_t>(random());
    const uint32_t block = pick % 16 == 0 ? 0x2001 : kRegions[pick % 4] + (pick >> 8) % 13;
    providers.push_back(block << 16 | (pick >> 16 & 0xfff8));
  }
  std::vector<IpPrefix> prefixes;
  FlatMap<IpPrefix, bool> known;
  while (prefixes.size() < count) {
    const double uniform = static_cast<double>(random() >> 11) * 0x1p-53;
    const size_t zipf = static_cast<size_t>(std::pow(double{kProviders}, uniform)) - 1;
    const unsigned length = PickLength(random, kShares);
    uint32_t provider = providers[random() % 2 == 0 ? zipf : random() % kProviders];
    if (length <= 32) {
      provider = providers[random() % kProviders] | static_cast<uint32_t>(random() % 8);
    }
    Ipv6Address a;
    StoreBe32(a.bytes.data(), provider);
    for (size_t i = random() % 2 == 0 ? 4 : 5; i < 16; ++i) {
      a.bytes[i] = static_cast<uint8_t>(random());
    }
    const IpPrefix prefix(a, length);
    if (std::exchange(known[prefix], true)) continue;
    prefixes.push_back(prefix);
  }
  return prefixes;
}

void BenchIpv6(uint64_t seed, QsbrDomain& qsbr) {
  std::mt19937_64 random(seed);
  const std::vector<IpPrefix> prefixes = Ipv6Prefixes(random, 230'000);
  Fib6 fib;
  Load("IPv6", fib, prefixes, qsbr);

  rte_fib6_conf conf{};
  conf.type = RTE_FIB6_TRIE;
  conf.max_routes = 500'000;
  conf.trie.nh_sz = RTE_FIB6_TRIE_4B;
  conf.trie.num_tbl8 = 400'000;
  rte_fib6* const dpdk = rte_fib6_create("fib6", -1, &conf);
  if (dpdk == nullptr) throw std::bad_alloc();
  size_t refused = 0;
  const double load = Seconds([&] {
    for (size_t i = 0; i < prefixes.size(); ++i) {
      Ipv6Address a = prefixes[i].address().v6();
      refused += rte_fib6_add(dpdk, a.bytes.data(), static_cast<uint8_t>(prefixes[i].length()),
                              GroupOf(i).value()) == 0
                     ? 0
                     : 1;
    }
  });
  std::printf("  rte_fib6: 400,000 tbl8, loaded in %.2f s, %zu refused\n", load, refused);

  MappedArray<Ipv6Address> dst(kCold);
  MappedArray<Ipv6Key> keys(kCold);
  for (size_t i = 0; i < kCold; ++i) {
    const IpPrefix& p = prefixes[random() % prefixes.size()];
    const uint64_t high = Ipv6Key::Of(p.address().data()).high;
    const uint64_t host = p.length() < 64 ? random() >> p.length() : 0;
    Ipv6Address a;
    StoreUnaligned(a.bytes.data(), SwapBytes(high | host));
    StoreUnaligned(a.bytes.data() + 8, random());
    dst[i] = a;
    keys[i] = Ipv6Key::Of(a.bytes.data());
  }
  size_t different = 0;
  for (size_t first = 0; first < kCold; first += kBatch) {
    GroupId ours[kBatch];
    uint64_t theirs[kBatch];
    fib.Lookup(&keys[first], ours, kBatch);
    rte_fib6_lookup_bulk(dpdk, reinterpret_cast<uint8_t(*)[16]>(&dst[first]), theirs, kBatch);
    for (unsigned i = 0; i < kBatch; ++i) different += ours[i].value() != theirs[i] ? 1 : 0;
  }
  std::printf("  %zu of %zu addresses get another answer from rte_fib6\n", different, kCold);
  const std::vector<Contestant> contestants = {
      {"Fib6",
       [&](size_t first) {
         GroupId out[kBatch];
         fib.Lookup(&keys[first], out, kBatch);
         for (const GroupId id : out) sink += id.value();
       }},
      {"rte_fib6 bulk",
       [&](size_t first) {
         uint64_t out[kBatch];
         rte_fib6_lookup_bulk(dpdk, reinterpret_cast<uint8_t(*)[16]>(&dst[first]), out, kBatch);
         for (const uint64_t id : out) sink += id;
       }},
  };
  Race("hot", contestants, kHot);
  Race("cold", contestants, kCold);
  rte_fib6_free(dpdk);
}

// A route points to a group: a million of them move with its one store.
void BenchFailover(QsbrDomain& qsbr) {
  GroupTable groups(1024);
  GroupSpec both{
      NexthopAction::kForward, kNoPort, {{1, AdjacencyId(1), 1}, {2, AdjacencyId(2), 1}}};
  GroupSpec one{NexthopAction::kForward, kNoPort, {{2, AdjacencyId(2), 1}}};
  const GroupId group = groups.Create(both).value();
  double worst = 0;
  for (unsigned i = 0; i < 1000; ++i) {
    worst = std::max(worst, Seconds([&] { groups.Update(group, i % 2 == 0 ? one : both, qsbr); }));
    qsbr.Reclaim();
  }
  std::printf(
      "fail-over of the next hop of any number of routes: %.3f ms, the "
      "worst of 1000\n",
      worst * 1e3);
}

void PrintMachine(uint64_t seed) {
  std::string model = "unknown";
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    if (line.rfind("model name", 0) == 0) model = line.substr(line.find(':') + 2);
  }
  utsname name{};
  uname(&name);
  const uint64_t start = __rdtsc();
  const double seconds =
      Seconds([] { std::this_thread::sleep_for(std::chrono::milliseconds(50)); });
  std::printf(
      "%u CPUs %s, TSC %.2f GHz, Linux %s, DPDK %s; seed %lu, batches of %u, "
      "%u rounds\n",
      std::thread::hardware_concurrency(), model.c_str(),
      static_cast<double>(__rdtsc() - start) / seconds / 1e9, name.release,
      RTE_VER_PREFIX " " RTE_STR(RTE_VER_YEAR) "." RTE_STR(RTE_VER_MONTH), seed, kBatch, kRounds);
}

// Puts huge pages, by the same means as ours, under DPDK's memory, which
// without hugetlbfs is a memfd of small ones: what is there already is kept.
int HugePages(const rte_memseg_list*, const rte_memseg* segment, size_t size, void*) {
  constexpr size_t kPage = 4096;
  auto* const start = static_cast<uint8_t*>(segment->addr);
  std::vector<uint8_t> resident(size / kPage);
  if (mincore(start, size, resident.data()) != 0) return -1;
  std::vector<std::pair<size_t, std::vector<uint8_t>>> kept;
  for (size_t page = 0; page < resident.size(); ++page) {
    uint8_t* const at = start + page * kPage;
    if ((resident[page] & 1) != 0) kept.emplace_back(page, std::vector<uint8_t>(at, at + kPage));
  }
  if (mmap(start, size, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED) {
    return -1;
  }
  madvise(start, size, MADV_HUGEPAGE);
  for (const auto& [page, bytes] : kept)
    std::copy(bytes.begin(), bytes.end(), start + page * kPage);
  return 0;
}

int Main(int argc, char** argv) {
  const uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  const char* const eal[] = {"fib_bench", "--no-huge", "--no-pci", "--no-shconf", "-m",
                             "2048",      "-l",        "0",        "--log-level", "lib.eal:error"};
  if (rte_eal_init(static_cast<int>(std::size(eal)), const_cast<char**>(eal)) < 0) return 1;
  if (rte_memseg_contig_walk(HugePages, nullptr) != 0) return 1;
  PrintMachine(seed);
  QsbrDomain qsbr(1);
  BenchIpv4(seed, qsbr);
  BenchIpv6(seed, qsbr);
  BenchFailover(qsbr);
  std::printf("(checksum %lu)\n", sink);
  return 0;
}

}  // namespace
}  // namespace flyover::router

int main(int argc, char** argv) { return flyover::router::Main(argc, argv); }
