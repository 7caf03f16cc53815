#include "tools/decap/host_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/decap/addresses.h"

namespace flyover::decap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

DecapPrefix Prefix(const char* text) { return *ParsePrefix(text); }

// A host where nothing is missing.
HostFacts Good() {
  HostFacts facts;
  facts.interface = "eth0";
  facts.mtu = 1560;
  facts.attached = true;
  facts.vips = {{Prefix("192.0.2.2"), true}, {Prefix("2001:db8:100::/64"), true}};
  facts.back4 = Route{.interface = "eth0", .mtu = 1500};
  facts.back6 = Route{.interface = "eth0", .mtu = 1500};
  facts.rp_filter = 1;
  facts.arp_ignore = 1;
  return facts;
}

std::vector<std::string> Texts(const HostFacts& facts, Verdict verdict) {
  std::vector<std::string> texts;
  for (const Finding& finding : Judge(facts)) {
    if (finding.verdict == verdict) texts.push_back(finding.what + " | " + finding.remedy);
  }
  return texts;
}

TEST(HostCheck, NothingIsMissing) {
  EXPECT_THAT(Texts(Good(), Verdict::kFailure), IsEmpty());
  EXPECT_THAT(Texts(Good(), Verdict::kWarning), IsEmpty());
  EXPECT_EQ(Texts(Good(), Verdict::kOk).size(), 9u);
}

TEST(HostCheck, EachFaultIsNamedAlone) {
  struct Row {
    const char* what;
    void (*plant)(HostFacts&);
    Verdict verdict;
    const char* said;
    const char* remedy;
  };
  const Row rows[] = {
      {"no program", [](HostFacts& f) { f.attached = false; }, Verdict::kFailure,
       "flyover-decap is not on eth0", "flyover-decap attach eth0"},
      {"no VIP", [](HostFacts& f) { f.vips[0].local = false; }, Verdict::kFailure,
       "VIP 192.0.2.2 is no address", "ip addr add 192.0.2.2/32 dev lo"},
      {"no prefix", [](HostFacts& f) { f.vips[1].local = false; }, Verdict::kFailure,
       "VIP 2001:db8:100::/64 is not local", "ip -6 route add local 2001:db8:100::/64 dev lo"},
      {"rp_filter", [](HostFacts& f) { f.back4->interface = "eth1"; }, Verdict::kFailure,
       "rp_filter is strict on eth0", "net.ipv4.conf.eth0.rp_filter=0"},
      {"no IPv4 route", [](HostFacts& f) { f.back4.reset(); }, Verdict::kFailure,
       "no way back to IPv4", "ip route add default"},
      {"no IPv6 route", [](HostFacts& f) { f.back6.reset(); }, Verdict::kFailure,
       "no way back to IPv6", "ip -6 route add default"},
      {"MTU", [](HostFacts& f) { f.back4->mtu = 0; }, Verdict::kWarning,
       "IPv4 clients are told an MSS of 1520", "advmss 1480"},
      {"advmss", [](HostFacts& f) { f.back6->advmss = 1490; }, Verdict::kWarning,
       "IPv6 clients are told an MSS of 1490", "advmss 1460"},
      {"ARP", [](HostFacts& f) { f.arp_ignore = 0; }, Verdict::kWarning, "answers ARP",
       "arp_ignore=1"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    HostFacts facts = Good();
    row.plant(facts);
    EXPECT_THAT(Texts(facts, row.verdict),
                ElementsAre(testing::AllOf(HasSubstr(row.said), HasSubstr(row.remedy))));
    const Verdict other = row.verdict == Verdict::kFailure ? Verdict::kWarning : Verdict::kFailure;
    EXPECT_THAT(Texts(facts, other), IsEmpty());
  }
}

TEST(HostCheck, ALooseFilterLetsThemInByAnotherInterface) {
  for (const int filter : {0, 2}) {
    HostFacts facts = Good();
    facts.rp_filter = filter;
    facts.back4->interface = "eth1";
    EXPECT_THAT(Texts(facts, Verdict::kFailure), IsEmpty());
  }
}

TEST(HostCheck, AFamilyWithoutVipsIsNotJudged) {
  HostFacts facts = Good();
  facts.vips.pop_back();
  facts.back6.reset();
  EXPECT_THAT(Texts(facts, Verdict::kFailure), IsEmpty());
  facts.vips.clear();
  EXPECT_THAT(Texts(facts, Verdict::kFailure), ElementsAre(HasSubstr("lo has no VIP")));
}

TEST(HostCheck, AnInterfaceThatIsNotThere) {
  EXPECT_EQ(Gather("none0", {}).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(Gather("a-name-that-is-too-long", {}).status().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace flyover::decap
