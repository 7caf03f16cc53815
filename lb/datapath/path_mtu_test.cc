// Errors about outer headers: which are believed, and what comes of them.
#include <gtest/gtest.h>

#include <cstring>

#include "common/net/checksum.h"
#include "common/net/headers.h"
#include "lb/datapath/test_bed.h"

namespace flyover::lb {
namespace {

constexpr IpFamily k4 = IpFamily::kIpv4;
constexpr IpFamily k6 = IpFamily::kIpv6;

struct Way {
  const char* name;
  ForwardMode forward;
  uint8_t gue_variant;
  IpFamily inner;
  IpFamily outer;
};

class PathMtuTest : public testing::TestWithParam<Way> {
 protected:
  void Use(uint16_t mtu = 0) {
    LbConfig config = TwoBackends(GetParam().forward, GetParam().outer);
    for (ServiceConfig& service : config.services) {
      service.gue.variant = GetParam().gue_variant;
      for (BackendConfig& backend : service.backends) backend.mtu = mtu;
    }
    bed_.Apply(config);
  }
  static bool outer4() { return GetParam().outer == k4; }
  static Bytes Packet(size_t data) {
    const bool v4 = GetParam().inner == k4;
    return TcpPacket(v4 ? "10.1.0.2" : "2001:db8:1::2", 40'000,
                     v4 ? "192.0.2.1" : "2001:db8:100::1", 80, kTcpAck, data);
  }
  struct Sent {
    Bytes outer;
    uint16_t path_mtu;
  };
  Sent Send(size_t data = 1400) {
    const unsigned i = bed_.Add(Packet(data));
    EXPECT_EQ(bed_.Run().size, 1);
    Sent sent{bed_.ReadL3(i), bed_.burst.meta[i].path_mtu};
    bed_.Clear();
    return sent;
  }
  // What a router on the way makes of it.
  static Bytes TooBig(const Bytes& outer, uint16_t mtu, size_t quoted = 200,
                      const char* to = nullptr) {
    const IpAddress router = Ip(outer4() ? "10.2.9.9" : "2001:db8:2:9::9");
    const IpAddress source = Ip(to != nullptr ? to : outer4() ? "10.255.0.1" : "2001:db8:ff::1");
    IpFields fields;
    fields.protocol = outer4() ? uint8_t{kProtoIcmp} : uint8_t{kProtoIcmpv6};
    const Bytes quote(outer.begin(),
                      outer.begin() + static_cast<ptrdiff_t>(std::min(quoted, outer.size())));
    return IpPacket(router, source, fields,
                    IcmpMessage(router, source, outer4() ? 3 : 2, outer4() ? 4 : 0, mtu, quote));
  }
  // It goes on to the FIB, whatever was learnt; how it looks then.
  Bytes Hear(const Bytes& error) {
    const unsigned i = bed_.Add(error);
    EXPECT_EQ(bed_.Run().size, 1);
    Bytes heard = bed_.ReadL3(i);
    meta_ = bed_.burst.meta[i];
    bed_.Clear();
    return heard;
  }

  TestBed bed_;
  PacketMeta meta_{};  // of what was heard last
};

// The client must not lose a second packet to learn what the first one's fate has told.
TEST_P(PathMtuTest, BecomesAnErrorForTheClient) {
  Use();
  const Bytes sent = Packet(1400);
  const Bytes outer = Send().outer;
  const auto mtu = static_cast<uint16_t>(1300 - (outer.size() - sent.size()));
  const bool v4 = GetParam().inner == k4;
  const IpAddress vip = Ip(v4 ? "192.0.2.1" : "2001:db8:100::1");
  const IpAddress client = Ip(v4 ? "10.1.0.2" : "2001:db8:1::2");
  for (const size_t quoted : {size_t{128}, size_t{1280}}) {
    const Bytes error = TooBig(outer, 1300, quoted);
    const Bytes got = Hear(error);
    const size_t header = v4 ? 20 : 40;
    const size_t most = (v4 ? 576u : 1280u) - header - 8;
    const size_t inner = std::min(quoted, outer.size()) - (outer.size() - sent.size());
    const Bytes quote(sent.begin(),
                      sent.begin() + static_cast<ptrdiff_t>(std::min({inner, most, sent.size()})));
    IpFields fields;
    fields.protocol = v4 ? uint8_t{kProtoIcmp} : uint8_t{kProtoIcmpv6};
    fields.ttl = 64;
    fields.ipv4_fragment = kIpv4DontFragment;
    Bytes want =
        IpPacket(vip, client, fields, IcmpMessage(vip, client, v4 ? 3 : 2, v4 ? 4 : 0, mtu, quote));
    if (v4) {  // what cannot be cut needs no identification (RFC 6864)
      EXPECT_TRUE(Ipv4ChecksumOk(*reinterpret_cast<const Ipv4Header*>(got.data())));
      for (const size_t at : {4u, 5u, 10u, 11u}) want[at] = got[at];
    } else {
      want[3] = got[3];  // flow label
    }
    EXPECT_EQ(got, want);
    EXPECT_EQ(meta_.flags, kOriginated | kIcmpError | kL4Valid | (v4 ? 0 : kIpv6));
    EXPECT_EQ(meta_.lookup, client.bytes());
  }
}

// Cut here, what is too long reaches the backend: the client has nothing to change.
TEST_P(PathMtuTest, IsNotToldToTheClientWhereItIsCut) {
  LbConfig config = TwoBackends(GetParam().forward, GetParam().outer);
  for (ServiceConfig& service : config.services) {
    service.gue.variant = GetParam().gue_variant;
    service.fragment = true;
  }
  bed_.Apply(config);
  const Bytes error = TooBig(Send().outer, 1300);
  const Bytes got = Hear(error);
  EXPECT_EQ(got == error, outer4());
}

TEST_P(PathMtuTest, IsRememberedForTheBackendAlone) {
  Use();
  const Sent first = Send();
  EXPECT_EQ(first.path_mtu, 0);
  Hear(TooBig(first.outer, 1300));
  EXPECT_EQ(Send().path_mtu, 1300);
  Hear(TooBig(first.outer, 1290));
  EXPECT_EQ(Send().path_mtu, 1290);
  // Others are not meant: of the two backends one.
  unsigned told = 0;
  for (uint16_t port = 1; port <= 40; ++port) {
    const bool v4 = GetParam().inner == k4;
    const unsigned i = bed_.Add(TcpPacket(v4 ? "10.1.0.2" : "2001:db8:1::2", port,
                                          v4 ? "192.0.2.1" : "2001:db8:100::1", 80));
    EXPECT_EQ(bed_.Run().size, 1);
    told += bed_.burst.meta[i].path_mtu != 0;
    bed_.Clear();
  }
  EXPECT_GT(told, 5u);
  EXPECT_LT(told, 35u);
}

TEST_P(PathMtuTest, TheDocumentsMtuCountsWhereItIsSmaller) {
  Use(1350);
  const Sent first = Send();
  EXPECT_EQ(first.path_mtu, 1350);
  Hear(TooBig(first.outer, 1400));
  EXPECT_EQ(Send().path_mtu, 1350);
  Hear(TooBig(first.outer, 1300));
  EXPECT_EQ(Send().path_mtu, 1300);
}

TEST_P(PathMtuTest, IsForgottenAfterTenMinutes) {
  Use();
  Hear(TooBig(Send().outer, 1300));
  const uint64_t now = bed_.context->now();
  bed_.context->set_now(now + 599 * bed_.context->tsc_hz());
  EXPECT_EQ(Send().path_mtu, 1300);
  bed_.context->set_now(now + 602 * bed_.context->tsc_hz());
  EXPECT_EQ(Send().path_mtu, 0);
}

TEST_P(PathMtuTest, WhatIsNotBelieved) {
  Use();
  const Bytes outer = Send().outer;
  const auto whole = static_cast<uint16_t>(outer.size());
  Bytes bad_checksum = TooBig(outer, 1300);
  bad_checksum.back() ^= 1;
  Bytes other_source = outer;
  other_source[outer4() ? 15 : 23] ^= 1;
  Bytes other_backend = outer;
  other_backend[outer4() ? 19 : 39] ^= 0x40;
  Bytes other_port = outer;
  const size_t overhead = outer.size() - Packet(1400).size();
  other_port[overhead + (GetParam().inner == k4 ? 20 : 40) + 3] ^= 1;
  const Bytes errors[] = {
      TooBig(outer, outer4() ? 575 : 1279),
      TooBig(outer, 0),
      TooBig(outer, whole),
      TooBig(outer, 0xffff),
      bad_checksum,
      TooBig(other_source, 1300),
      TooBig(other_backend, 1300),
      TooBig(other_port, 1300),
      TooBig(outer, 1300, overhead + 20),  // cut in front of the ports
      TooBig(outer, 1300, 28),
  };
  for (const Bytes& error : errors) {
    Hear(error);
    EXPECT_EQ(Send().path_mtu, 0) << &error - errors;
  }
  // Every cut is safe.
  for (size_t quoted = 0; quoted < 100; ++quoted) Hear(TooBig(outer, 1300, quoted));
}

std::vector<Way> Ways() {
  std::vector<Way> ways;
  for (const IpFamily outer : {k4, k6}) {
    for (const IpFamily inner : {k4, k6}) {
      static const char* const kNames[][4] = {{"Ipip44", "Ipip64", "Ipip46", "Ipip66"},
                                              {"Gre44", "Gre64", "Gre46", "Gre66"},
                                              {"Gue44", "Gue64", "Gue46", "Gue66"},
                                              {"GueV1_44", "GueV1_64", "GueV1_46", "GueV1_66"}};
      const size_t n = (outer == k6 ? 2u : 0u) + (inner == k6 ? 1u : 0u);
      ways.push_back({kNames[0][n], ForwardMode::kIpip, 0, inner, outer});
      ways.push_back({kNames[1][n], ForwardMode::kGre, 0, inner, outer});
      ways.push_back({kNames[2][n], ForwardMode::kGue, 0, inner, outer});
      ways.push_back({kNames[3][n], ForwardMode::kGue, 1, inner, outer});
    }
  }
  return ways;
}
INSTANTIATE_TEST_SUITE_P(Ways, PathMtuTest, testing::ValuesIn(Ways()),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace flyover::lb
