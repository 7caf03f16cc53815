// What a client hears of a VIP's port that nobody serves.
#include "lb/datapath/vip_reject.h"

#include <gtest/gtest.h>

#include <cstddef>

#include "common/net/checksum.h"
#include "common/net/headers.h"
#include "lb/datapath/test_bed.h"

namespace flyover::lb {
namespace {

class VipRejectTest : public testing::TestWithParam<IpFamily> {
 protected:
  VipRejectTest() {
    LbConfig config = TwoBackends(ForwardMode::kIpip, IpFamily::kIpv4);
    config.reject_unknown_ports = true;
    bed_.Apply(config);
  }
  bool v6() const { return GetParam() == IpFamily::kIpv6; }
  const char* client() const { return v6() ? "2001:db8:1::2" : "10.1.0.2"; }
  const char* vip() const { return v6() ? "2001:db8:100::1" : "192.0.2.1"; }
  size_t header() const { return v6() ? sizeof(Ipv6Header) : sizeof(Ipv4Header); }

  // The answer's L3 bytes; none: dropped.
  Bytes Answer(const Bytes& packet, const Layout& layout = {}) {
    bed_.Clear();
    bed_.Add(packet, layout);
    const IndexList out = bed_.Run();
    if (out.size == 0) return {};
    const PacketMeta& meta = bed_.burst.meta[0];
    EXPECT_EQ(meta.flags & (kOriginated | kVip), kOriginated);
    EXPECT_EQ(meta.lookup_v6, v6());
    Bytes l3 = bed_.ReadL3(0);
    EXPECT_EQ(l3.size(), meta.l3_length);
    const IpAddress source = v6() ? IpAddress(Ipv6Address::FromBytes(&l3[8]))
                                  : IpAddress(Ipv4Address{LoadBe32(&l3[12])});
    EXPECT_EQ(source, Ip(vip()));
    EXPECT_TRUE(ChecksumsOk(l3));
    return l3;
  }
  Bytes Udp(size_t data, const Bytes& between = {}) const {
    IpFields fields;
    fields.protocol = kProtoUdp;
    fields.between = between;
    return IpPacket(Ip(client()), Ip(vip()), fields, UdpDatagram(1000, 81, data));
  }
  uint64_t Dropped() { return bed_.Drops(DropReason::kVipUnknownPort); }

  TestBed bed_;

 private:
  bool ChecksumsOk(const Bytes& l3) const {
    ChecksumAccumulator sum;
    const size_t length = l3.size() - header();
    if (v6()) {
      const auto& ip = *reinterpret_cast<const Ipv6Header*>(l3.data());
      AddPseudoHeader(sum, ip, ip.next_header, static_cast<uint16_t>(length));
    } else {
      const auto& ip = *reinterpret_cast<const Ipv4Header*>(l3.data());
      if (!Ipv4ChecksumOk(ip)) return false;
      if (ip.protocol == kProtoTcp) {
        AddPseudoHeader(sum, ip, ip.protocol, static_cast<uint16_t>(length));
      }
    }
    sum.Add(&l3[header()], length);
    return sum.Fold() == 0xffff;
  }
};

TEST_P(VipRejectTest, ResetsAConnectionThatOpens) {
  const Bytes l3 = Answer(TcpPacket(client(), 1000, vip(), 81, kTcpSyn));
  ASSERT_EQ(l3.size(), header() + sizeof(TcpHeader));
  const auto& tcp = *reinterpret_cast<const TcpHeader*>(&l3[header()]);
  const Bytes sent = TcpPacket(client(), 1000, vip(), 81, kTcpSyn);
  const auto& asked = *reinterpret_cast<const TcpHeader*>(&sent[header()]);
  EXPECT_EQ(tcp.src_port.host(), 81);
  EXPECT_EQ(tcp.dst_port.host(), 1000);
  EXPECT_EQ(tcp.flags, kTcpRst | kTcpAck);
  EXPECT_EQ(tcp.sequence.host(), 0u);
  EXPECT_EQ(tcp.acknowledgement.host(), asked.sequence.host() + 1);
}

TEST_P(VipRejectTest, ResetsAtTheNumberThatWasAcknowledged) {
  Bytes sent = TcpPacket(client(), 1000, vip(), 81, kTcpAck, 30);
  reinterpret_cast<TcpHeader*>(&sent[header()])->acknowledgement = Be32(0x12345678);
  const Bytes l3 = Answer(sent);
  ASSERT_EQ(l3.size(), header() + sizeof(TcpHeader));
  const auto& tcp = *reinterpret_cast<const TcpHeader*>(&l3[header()]);
  EXPECT_EQ(tcp.flags, kTcpRst);
  EXPECT_EQ(tcp.sequence.host(), 0x12345678u);
}

TEST_P(VipRejectTest, NeverAnswersAReset) {
  EXPECT_TRUE(Answer(TcpPacket(client(), 1000, vip(), 81, kTcpRst)).empty());
  EXPECT_EQ(Dropped(), 1u);
}

TEST_P(VipRejectTest, TellsUdpThatThePortIsUnreachable) {
  for (const size_t data : {0u, 5u, 400u}) {
    const Bytes sent = Udp(data);
    const Bytes l3 = Answer(sent);
    ASSERT_EQ(l3.size(), header() + sizeof(IcmpHeader) + header() + 8) << data;
    const auto& icmp = *reinterpret_cast<const IcmpHeader*>(&l3[header()]);
    EXPECT_EQ(icmp.type, v6() ? 1 : 3);
    EXPECT_EQ(icmp.code, v6() ? 4 : 3);
    EXPECT_TRUE(std::equal(l3.begin() + static_cast<long>(header() + sizeof(IcmpHeader)), l3.end(),
                           sent.begin()));
  }
}

TEST_P(VipRejectTest, QuotesOptionsToo) {
  const Bytes between = v6() ? Bytes{} : Bytes{1, 1, 1, 0};
  const Bytes l3 = Answer(Udp(64, between));
  ASSERT_EQ(l3.size(), header() + sizeof(IcmpHeader) + header() + between.size() + 8);
}

TEST_P(VipRejectTest, EthernetPaddingIsNotReturned) {
  EXPECT_EQ(Answer(Udp(0), {{}, RTE_PKTMBUF_HEADROOM, 40}).size(),
            header() + sizeof(IcmpHeader) + header() + 8);
}

TEST_P(VipRejectTest, NotMoreThanARate) {
  unsigned answered = 0;
  for (int n = 0; n < 500; ++n) answered += Answer(Udp(10)).empty() ? 0 : 1;
  EXPECT_EQ(answered, 100u) << "no time has passed: the burst";
  EXPECT_EQ(Dropped(), 400u);
}

TEST_P(VipRejectTest, OnlyWhereTheDocumentSaysSo) {
  bed_.Apply(TwoBackends(ForwardMode::kIpip, IpFamily::kIpv4));
  bed_.Clear();
  bed_.Add(Udp(10));
  EXPECT_EQ(bed_.Run().size, 1) << "fib_lookup drops it";
  EXPECT_EQ(bed_.burst.meta[0].flags & (kOriginated | kVip), kVip);
}

INSTANTIATE_TEST_SUITE_P(Families, VipRejectTest, testing::Values(IpFamily::kIpv4, IpFamily::kIpv6),
                         [](const auto& test) {
                           return test.param == IpFamily::kIpv4 ? "IPv4" : "IPv6";
                         });

}  // namespace
}  // namespace flyover::lb
