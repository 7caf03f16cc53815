#include <rte_cycles.h>

#include <array>
#include <functional>
#include <optional>

#include "common/datapath/ledger.h"
#include "common/datapath/residence.h"
#include "common/net/checksum.h"
#include "lb/conntrack/connection_table.h"
#include "lb/maglev/maglev_table.h"
#include "lb/service/flow_slices.h"
#include "lb/service/service_count.h"
#include "router/fib/forwarding_tables.h"
#include "router/fib/use_counters.h"
#include "tools/flyover_bench/subject.h"
#include "tools/flyover_bench/traffic.h"

namespace flyover {
namespace {

constexpr unsigned kBatch = 64;
constexpr uint32_t kQueries = 1u << 20;  // more than fit a cache: a small set would measure it

// Keeps a result that nobody reads from being optimised away, and its loads with it.
void Use(uint64_t value) { __asm__ volatile("" : : "r"(value)); }

// Ticks per operation of `batch(first)`, which does kBatch operations from query `first` on.
class KernelSubject : public Subject {
 public:
  using Batch = std::function<uint64_t(uint32_t)>;
  KernelSubject(std::string name, Batch batch) : name_(std::move(name)), batch_(std::move(batch)) {}
  std::string name() const override { return name_; }
  Result<Sample> Measure() override {
    constexpr uint32_t kOperations = kQueries / 4;  // a time slice is longer
    uint64_t sum = 0;
    const uint64_t start = rte_rdtsc_precise();
    for (uint32_t i = 0; i < kOperations; i += kBatch) {
      sum += batch_(at_);
      at_ = (at_ + kBatch) % kQueries;
    }
    const uint64_t end = rte_rdtsc_precise();
    Use(sum);
    return Sample{static_cast<double>(end - start) / kOperations, kOperations};
  }

 private:
  std::string name_;
  Batch batch_;
  uint32_t at_ = 0;
};

KernelSubject::Batch FibBatch(bool ipv6, uint32_t routes, uint64_t seed) {
  struct State {
    QsbrDomain qsbr{1};
    std::optional<router::Fib4> fib4;
    std::optional<router::Fib6> fib6;
    std::vector<uint32_t> keys4;
    std::vector<router::Ipv6Key> keys6;
  };
  const auto state = std::make_shared<State>();
  std::mt19937_64 random(seed);
  const std::vector<IpPrefix> prefixes = BenchPrefixes(ipv6, routes, random);
  if (ipv6) {
    state->fib6.emplace();
    for (const IpPrefix& p : prefixes) (void)state->fib6->Add(p, GroupId(1), state->qsbr);
  } else {
    state->fib4.emplace();
    for (const IpPrefix& p : prefixes) (void)state->fib4->Add(p, GroupId(1), state->qsbr);
  }
  for (uint32_t i = 0; i < kQueries; ++i) {
    const IpAddress a = AddressIn(prefixes[random() % prefixes.size()], random);
    if (ipv6) {
      state->keys6.push_back(router::Ipv6Key::Of(a.data()));
    } else {
      state->keys4.push_back(a.v4().value);
    }
  }
  if (!ipv6) {
    return [state](uint32_t first) {
      std::array<GroupId, kBatch> out;
      state->fib4->Lookup(&state->keys4[first], out.data(), kBatch);
      return uint64_t{out[0].value()} + out[kBatch - 1].value();
    };
  }
  return [state](uint32_t first) {
    std::array<GroupId, kBatch> out;
    state->fib6->Lookup(&state->keys6[first], out.data(), kBatch);
    return uint64_t{out[0].value()} + out[kBatch - 1].value();
  };
}

std::shared_ptr<std::vector<uint64_t>> Hashes(uint32_t distinct, uint64_t seed) {
  auto hashes = std::make_shared<std::vector<uint64_t>>();
  std::mt19937_64 random(seed);
  for (uint32_t i = 0; i < kQueries; ++i) {
    hashes->push_back(i < distinct ? random() : (*hashes)[random() % distinct]);
  }
  return hashes;
}

Result<KernelSubject::Batch> ConnectionBatch(uint32_t flows, uint64_t seed) {
  auto created = lb::ConnectionTable::Create(1u << 21);
  if (!created.ok()) return created.status();
  const std::shared_ptr<lb::ConnectionTable> table = std::move(*created);
  table->Prefault();
  const auto hashes = Hashes(flows, seed);
  for (uint32_t i = 0; i < flows; ++i) (void)table->Insert((*hashes)[i], BackendId(1), 1, {});
  return KernelSubject::Batch([table, hashes](uint32_t first) {
    std::array<lb::ConnectionHit, kBatch> hits;
    table->Lookup(&(*hashes)[first], kBatch, 1, hits.data());
    uint64_t found = 0;
    for (const auto& hit : hits) found += hit.found ? 1 : 0;
    return found;
  });
}

Result<KernelSubject::Batch> MaglevBatch(uint64_t seed) {
  std::vector<lb::MaglevMember> members;
  for (unsigned b = 0; b < 100; ++b)
    members.push_back({.address = BenchNeighbor(b), .weight = 100});
  auto built = lb::MaglevTable::Build(members, 0);
  if (!built.ok()) return built.status();
  const auto table = std::make_shared<lb::MaglevTable>(std::move(*built));
  const auto hashes = Hashes(kQueries, seed);
  return KernelSubject::Batch([table, hashes](uint32_t first) {
    const uint64_t* const h = &(*hashes)[first];
    for (unsigned i = 0; i < kBatch; ++i) table->Prefetch(lb::MaglevSlice(h[i]));
    uint64_t sum = 0;
    for (unsigned i = 0; i < kBatch; ++i) sum += table->Lookup(lb::MaglevSlice(h[i]));
    return sum;
  });
}

KernelSubject::Batch HeaderBatch(bool checksum, uint64_t seed) {
  const auto headers = std::make_shared<std::vector<Ipv4Header>>(kQueries);
  std::mt19937_64 random(seed);
  for (Ipv4Header& ip : *headers) {
    ip.version_ihl = 0x45;
    ip.src = Be32(static_cast<uint32_t>(random()));
    ip.dst = Be32(static_cast<uint32_t>(random()));
    ip.checksum = Be16();
    ip.checksum = Checksum(&ip, sizeof(ip));
  }
  return [headers, checksum](uint32_t first) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < kBatch; ++i) {
      const Ipv4Header& ip = (*headers)[first + i];
      sum += checksum ? uint64_t{Ipv4ChecksumOk(ip)}
                      : HashIpv4Flow({}, ip.src.host(), ip.dst.host(), 0, ip.protocol);
    }
    return sum;
  };
}

// All that is counted of a packet to one of 100 backends: service and backend, neighbour and
// next-hop group, the books by runs of a source, and how long its burst stayed.
KernelSubject::Batch CounterBatch(uint64_t seed) {
  struct State {
    lb::LbCounters counters;
    router::UseCounters neighbours, groups;
    Ledger ledger;
    Residence residence;
    std::vector<uint8_t> backends;
  };
  const auto state = std::make_shared<State>();
  std::mt19937_64 random(seed);
  for (uint32_t i = 0; i < kQueries; ++i) {
    state->backends.push_back(static_cast<uint8_t>(random() % 100));
  }
  return [state](uint32_t first) {
    const uint8_t* const backends = &state->backends[first];
    {
      lb::ServiceCount service(state->counters);
      for (unsigned i = 0; i < kBatch; ++i) {
        service.Add(lb::ServiceId(1), 84);
        lb::FlowCounters& backend = state->counters.backend(BackendId(backends[i]));
        backend.packets.Add(1);
        backend.bytes.Add(84);
        state->neighbours.Count(backends[i]);
        state->groups.Count(backends[i]);
      }
    }
    SourceLedger& books = state->ledger[PortSource(PortIndex(0))];
    books.entered += kBatch;
    books.tx += kBatch;
    state->residence.Record(first);
    return books.tx;
  };
}

struct Kernel {
  const char* name;
  std::function<Result<KernelSubject::Batch>(uint64_t)> make;
};
const std::array<Kernel, 10>& Kernels() {
  using B = Result<KernelSubject::Batch>;
  static const std::array<Kernel, 10> kernels = {{
      {"fib4-1k", [](uint64_t seed) -> B { return FibBatch(false, 1000, seed); }},
      {"fib4-1m", [](uint64_t seed) -> B { return FibBatch(false, 1'000'000, seed); }},
      {"fib6-1k", [](uint64_t seed) -> B { return FibBatch(true, 1000, seed); }},
      {"fib6-230k", [](uint64_t seed) -> B { return FibBatch(true, 230'000, seed); }},
      {"maglev", [](uint64_t seed) { return MaglevBatch(seed); }},
      {"connections-4k", [](uint64_t seed) { return ConnectionBatch(4096, seed); }},
      {"connections-1m", [](uint64_t seed) { return ConnectionBatch(1'000'000, seed); }},
      {"ipv4-checksum", [](uint64_t seed) -> B { return HeaderBatch(true, seed); }},
      {"flow-hash", [](uint64_t seed) -> B { return HeaderBatch(false, seed); }},
      {"counters", [](uint64_t seed) -> B { return CounterBatch(seed); }},
  }};
  return kernels;
}

}  // namespace

std::vector<std::string> KernelNames() {
  std::vector<std::string> names;
  for (const Kernel& kernel : Kernels()) names.emplace_back(kernel.name);
  return names;
}

Result<std::unique_ptr<Subject>> MakeKernelSubject(const std::string& name, uint64_t seed) {
  for (const Kernel& kernel : Kernels()) {
    if (name != kernel.name) continue;
    auto batch = kernel.make(seed);
    if (!batch.ok()) return batch.status();
    auto subject = std::make_unique<KernelSubject>(name, std::move(*batch));
    for (uint32_t done = 0; done < kQueries; done += kQueries / 4) (void)subject->Measure();
    return std::unique_ptr<Subject>(std::move(subject));
  }
  return Status(StatusCode::kNotFound, "no kernel '" + name + "'");
}

}  // namespace flyover
