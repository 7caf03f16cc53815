// Readers look up while the writer adds, replaces and removes. Every result is followed to its
// adjacency, which says what prefix its group was made for: anything that does not cover the
// address, or is shorter than a prefix that never leaves, is a result that was valid neither before
// nor after.
//
// FLYOVER_FIB_LOOKUPS sets how many lookups are checked at least.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "router/fib/forwarding_tables.h"

namespace flyover::router {
namespace {

struct Rule {
  std::string prefix;
  bool permanent = false;  // replaced, never removed
};

// In the adjacency's port: the rule's number.
class Churn {
 public:
  // `crowd` comes and goes around the rules: routes that no address asked for takes, but that make
  // tables change their form.
  Churn(const std::vector<Rule>& rules, const std::vector<IpPrefix>& crowd, uint64_t seed)
      : random_(seed), crowd_(crowd) {
    for (const Rule& rule : rules) {
      rules_.push_back({IpPrefix::Parse(rule.prefix).value(), rule.permanent, GroupId(0), {}});
    }
    for (State& state : rules_) {
      if (state.permanent) Replace(state);
    }
  }

  // One change.
  void Step() {
    if (!crowd_.empty() && random_() % 2 == 0) {
      StepCrowd();
      return;
    }
    State& state = rules_[random_() % rules_.size()];
    if (state.group != GroupId(0) && !state.permanent && random_() % 2 == 0) {
      const Status status = state.prefix.family() == IpFamily::kIpv4
                                ? tables_.main().fib4.Remove(state.prefix, qsbr_)
                                : tables_.main().fib6.Remove(state.prefix, qsbr_);
      if (!status.ok()) {  // readers lag behind, and the route stays
        ASSERT_EQ(status.code(), StatusCode::kResourceExhausted) << status.message();
        return;
      }
      Drop(state.group, state.adjacencies);
      state.group = GroupId(0);
    } else {
      Replace(state);
    }
    qsbr_.Reclaim();
  }

  // Any rule that covers `address` and is not shorter than the longest permanent one that does.
  std::array<bool, 32> Allowed(const IpAddress& address) const {
    unsigned floor = 0;
    for (const State& s : rules_) {
      if (s.permanent && s.prefix.Contains(address)) floor = std::max(floor, s.prefix.length());
    }
    std::array<bool, 32> allowed{};
    for (size_t i = 0; i < rules_.size(); ++i) {
      allowed[i] = rules_[i].prefix.Contains(address) && rules_[i].prefix.length() >= floor;
    }
    return allowed;
  }

  ForwardingTables& tables() { return tables_; }
  QsbrDomain& qsbr() { return qsbr_; }

 private:
  struct State {
    IpPrefix prefix;
    bool permanent;
    GroupId group;
    std::array<AdjacencyId, 2> adjacencies;
  };

  void StepCrowd() {
    if (crowd_present_ == crowd_.size()) crowd_grows_ = false;
    if (crowd_present_ == 0) crowd_grows_ = true;
    Status status;
    if (crowd_grows_) {
      status = tables_.main().fib6.Add(
          crowd_[crowd_present_], GroupId(static_cast<uint32_t>(1 + crowd_present_ % 7)), qsbr_);
      crowd_present_ += status.ok() ? 1 : 0;
    } else {
      status = tables_.main().fib6.Remove(crowd_[crowd_present_ - 1], qsbr_);
      crowd_present_ -= status.ok() ? 1 : 0;
    }
    ASSERT_TRUE(status.ok() || status.code() == StatusCode::kResourceExhausted);
    qsbr_.Reclaim();
  }

  void Replace(State& state) {
    const auto tag = static_cast<uint8_t>(&state - rules_.data());
    std::array<AdjacencyId, 2> fresh;
    for (AdjacencyId& id : fresh) {
      Adjacency adjacency;
      adjacency.port = PortIndex(tag);
      const Result<AdjacencyId> made = tables_.adjacencies.Create(adjacency);
      if (!made.ok()) return;  // readers lag behind: nothing is free yet
      id = *made;
    }
    const GroupSpec spec{NexthopAction::kForward, kNoPort, {{1, fresh[0], 1}, {2, fresh[1], 1}}};
    if (state.group != GroupId(0) && random_() % 2 == 0) {
      tables_.groups.Update(state.group, spec, qsbr_);
      for (const AdjacencyId id : state.adjacencies) tables_.adjacencies.Retire(id, qsbr_);
      state.adjacencies = fresh;
      return;
    }
    const Result<GroupId> group = tables_.groups.Create(spec);
    Status status = group.ok() ? Status::Ok() : group.status();
    if (status.ok()) {
      status = state.prefix.family() == IpFamily::kIpv4
                   ? tables_.main().fib4.Add(state.prefix, *group, qsbr_)
                   : tables_.main().fib6.Add(state.prefix, *group, qsbr_);
      if (!status.ok()) tables_.groups.Destroy(*group, qsbr_);
    }
    if (!status.ok()) {
      ASSERT_EQ(status.code(), StatusCode::kResourceExhausted);
      for (const AdjacencyId id : fresh) tables_.adjacencies.Retire(id, qsbr_);
      return;
    }
    if (state.group != GroupId(0)) Drop(state.group, state.adjacencies);
    state.group = *group;
    state.adjacencies = fresh;
  }

  void Drop(GroupId group, const std::array<AdjacencyId, 2>& adjacencies) {
    tables_.groups.Destroy(group, qsbr_);
    for (const AdjacencyId id : adjacencies) tables_.adjacencies.Retire(id, qsbr_);
  }

  std::mt19937_64 random_;
  QsbrDomain qsbr_{2};
  // Small, so that what is freed is soon used again.
  ForwardingTables tables_{
      {.vrfs = {{.tbl8_groups = 6, .fib6_nodes = 768}}, .groups = 64, .adjacencies = 128}};
  std::vector<State> rules_;
  std::vector<IpPrefix> crowd_;
  size_t crowd_present_ = 0;
  bool crowd_grows_ = true;
};

uint64_t LookupCount() {
  const char* const set = std::getenv("FLYOVER_FIB_LOOKUPS");
  return set != nullptr ? std::strtoull(set, nullptr, 10) : 5000;
}

// `lookup(groups)` fills one group for each of `allowed`.
template <typename LookupAll>
void RunReaders(Churn& churn, const std::vector<std::array<bool, 32>>& allowed, LookupAll lookup) {
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> batches{0};
  std::atomic<uint64_t> wrong{0};
  std::vector<std::thread> readers;
  for (unsigned r = 0; r < 2; ++r) {
    readers.emplace_back([&, r] {
      QsbrReader reader(churn.qsbr(), r);
      uint32_t hash = 0;
      std::vector<GroupId> groups(allowed.size());
      while (!stop.load(std::memory_order_relaxed)) {
        lookup(groups.data());
        for (size_t i = 0; i < groups.size(); ++i) {
          const GroupWord word = churn.tables().groups.Load(groups[i]);
          hash += 0x9e3779b9;
          const bool good =
              word.action() == NexthopAction::kForward &&
              allowed[i][churn.tables().adjacencies.Get(word.Pick(hash)).port.value() & 31];
          if (!good) wrong.fetch_add(1, std::memory_order_relaxed);
        }
        reader.Quiescent();
        batches.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  // Readers and writer must really have met.
  const uint64_t wanted = LookupCount() / allowed.size();
  uint64_t steps = 0;
  for (; steps < 10'000 || batches.load(std::memory_order_relaxed) < wanted; ++steps) {
    churn.Step();
    if (steps % 16 == 0) std::this_thread::yield();
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong.load(), 0u) << "of " << batches.load() << " batches";
  std::printf("%lu lookups during %lu changes, %lu wrong\n", batches.load() * allowed.size(), steps,
              wrong.load());
}

TEST(FibChurn, Ipv4LookupsAreValidBeforeOrAfter) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Churn churn({{"0.0.0.0/0", true},
               {"10.8.0.0/14", false},
               {"10.9.0.0/16", true},
               {"10.9.0.0/17", false},
               {"10.9.1.0/24", false},
               {"10.9.1.0/25", false},
               {"10.9.1.1/32", false},
               {"10.9.2.128/26", false},
               {"10.9.2.130/31", true},
               {"10.9.3.0/30", false},
               {"10.9.4.0/30", false},
               {"10.9.5.0/30", false},
               {"10.9.6.0/30", false},
               {"192.0.2.0/24", false}},
              {}, seed);
  std::vector<uint32_t> dst;
  std::vector<std::array<bool, 32>> allowed;
  for (const char* text :
       {"10.9.1.1", "10.9.1.2", "10.9.1.200", "10.9.2.130", "10.9.2.129", "10.9.3.1", "10.9.4.1",
        "10.9.5.1", "10.9.6.1", "10.9.200.1", "10.10.0.1", "192.0.2.1", "198.51.100.1"}) {
    dst.push_back(Ipv4Address::Parse(text)->value);
    allowed.push_back(churn.Allowed(Ipv4Address{dst.back()}));
  }
  RunReaders(churn, allowed, [&](GroupId* out) {
    churn.tables().main().fib4.Lookup(dst.data(), out, static_cast<unsigned>(dst.size()));
  });
}

TEST(FibChurn, Ipv6LookupsAreValidBeforeOrAfter) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  // In two chunks of the address: from a list to a tree and to a wide, and back again.
  std::vector<IpPrefix> crowd;
  for (unsigned i = 0; i < 150; ++i) {
    Ipv6Address a = Ipv6Address::Parse("2001:1000::").value();
    a.bytes[3] = static_cast<uint8_t>(i);
    crowd.emplace_back(a, 32);
    a = Ipv6Address::Parse("2001:db8:4000::").value();
    a.bytes[5] = static_cast<uint8_t>(i);
    crowd.emplace_back(a, 48);
  }
  Churn churn({{"::/0", true},
               {"2000::/3", false},
               {"2001:db8::/32", true},
               {"2001:db8:1::/48", false},
               {"2001:db8:1::/49", false},
               {"2001:db8:1:2::/64", false},
               {"2001:db8:1:2::/127", false},
               {"2001:db8:1:2::1/128", false},
               {"2001:db8::/46", false},
               {"2001:db8:2::/48", true},
               {"2001:db8:3::/48", false},
               {"2001:db8:3::/51", false},
               {"fd00::/8", false}},
              crowd, seed);
  std::vector<Ipv6Address> addresses;
  std::vector<Ipv6Key> dst;
  std::vector<std::array<bool, 32>> allowed;
  for (const char* text :
       {"2001:db8:1:2::1", "2001:db8:1:2::", "2001:db8:1:2::2",
        "2001:db8:1:8000::", "2001:db8:2::1", "2001:db8:3::1", "2001:db8:3:f000::1",
        "2001:db8:ffff::", "2a00::1", "fd00::1", "fe80::1"}) {
    addresses.push_back(Ipv6Address::Parse(text).value());
    allowed.push_back(churn.Allowed(addresses.back()));
  }
  dst.reserve(addresses.size());
  for (const Ipv6Address& a : addresses) dst.push_back(Ipv6Key::Of(a.bytes.data()));
  RunReaders(churn, allowed, [&](GroupId* out) {
    churn.tables().main().fib6.Lookup(dst.data(), out, static_cast<unsigned>(dst.size()));
  });
}

}  // namespace
}  // namespace flyover::router
