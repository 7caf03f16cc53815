#include "lb/datapath/path_mtu_learning.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "common/datapath/normalize.h"
#include "common/net/headers.h"
#include "lb/datapath/icmp_check.h"
#include "lb/datapath/vip_answer.h"

namespace flyover::lb {
namespace {

constexpr uint32_t kLeastIpv4 = 576;
constexpr uint32_t kLeastIpv6 = 1280;  // RFC 8201 4
constexpr size_t kPorts = 4;

// The first bytes of a quoted packet.
struct Quoted {
  const uint8_t* data;
  size_t length;

  Quoted From(size_t at) const { return {data + at, length - at}; }
};

// What an IP header says, as far as is needed here.
struct Header {
  IpAddress src, dst;
  uint8_t protocol = 0;
  size_t header = 0;  // bytes
  size_t whole = 0;   // of the packet, as it says
};

std::optional<Header> ReadIp(const Quoted& quote) {
  Header out;
  if (quote.length >= sizeof(Ipv4Header) && quote.data[0] == 0x45) {
    Ipv4Header ip;
    std::memcpy(&ip, quote.data, sizeof(ip));
    out.src = Ipv4Address{ip.src.host()};
    out.dst = Ipv4Address{ip.dst.host()};
    out.protocol = ip.protocol;
    out.header = sizeof(ip);
    out.whole = ip.total_length.host();
    return out;
  }
  if (quote.length >= sizeof(Ipv6Header) && quote.data[0] >> 4 == 6) {
    Ipv6Header ip;
    std::memcpy(&ip, quote.data, sizeof(ip));
    out.src = Ipv6Address::FromBytes(ip.src);
    out.dst = Ipv6Address::FromBytes(ip.dst);
    out.protocol = ip.next_header;
    out.header = sizeof(ip);
    out.whole = sizeof(ip) + ip.payload_length.host();
    return out;
  }
  return std::nullopt;
}

struct Told {
  BackendId backend;
  size_t inner = 0;       // where the client's packet begins in the quote
  IpAddress client, vip;  // its source and destination
};

// The backend of the service that the inner packet is for, which the outer header names.
std::optional<Told> BackendOf(const ServiceTable& table, const Header& outer, const Quoted& quote) {
  // How much was put in front depends on the service, which the inner packet tells: so each
  // overhead that there is, is tried.
  for (const size_t shim :
       {size_t{0}, sizeof(GreHeader), sizeof(UdpHeader), sizeof(UdpHeader) + sizeof(GueHeader)}) {
    const size_t overhead = outer.header + shim;
    if (quote.length <= overhead) continue;
    const Quoted inner_quote = quote.From(overhead);
    const auto inner = ReadIp(inner_quote);
    if (!inner || inner_quote.length < inner->header + kPorts) continue;
    const VipIndex::VipId vip = table.vips.Find(inner->dst);
    if (vip == VipIndex::kNotVip) continue;
    const ServiceId service = table.vips.FindService(
        vip, inner->protocol, LoadBe16(inner_quote.data + inner->header + 2));
    if (service == kNoService) continue;
    for (const BackendId id : table.Service(service).pool) {
      const BackendEntry& backend = table.Backend(id);
      if (backend.overhead == overhead && backend.v6 == outer.dst.is_v6() &&
          backend.address == outer.dst.bytes()) {
        return Told{id, overhead, inner->src, inner->dst};
      }
    }
  }
  return std::nullopt;
}

// RFC 1122 3.2.2, RFC 4443 2.4 (e): whom no ICMP error may go to.
bool CanBeTold(const IpAddress& client) {
  if (client.IsMulticast()) return false;
  if (client.is_v6()) return !client.v6().IsLinkLocal() && client.v6() != Ipv6Address{};
  const uint32_t net = client.v4().value >> 24;
  return net != 0 && net != 127 && net < 224;
}

// Makes of the error, whose quote begins at `start` and ends at `end`, the one that the VIP sends
// to the client: the same buffer, with less in front. `mtu`: of what the client sends.
void BecomeClientError(rte_mbuf* m, PacketMeta& meta, const Told& told, unsigned start,
                       unsigned end, uint16_t mtu) {
  const bool v6 = told.client.is_v6();
  // RFC 1812 4.3.2.3, RFC 4443 2.4 (c): as much as goes into the smallest packet that all can take.
  const unsigned most = (v6 ? kLeastIpv6 - sizeof(Ipv6Header) : kLeastIpv4 - sizeof(Ipv4Header)) -
                        static_cast<unsigned>(sizeof(IcmpHeader));
  const unsigned quote = start + static_cast<unsigned>(told.inner);
  const unsigned quoted = std::min(end - quote, most);
  VipAnswer answer;
  answer.from = told.vip;
  answer.to = told.client;
  answer.protocol = v6 ? uint8_t{kProtoIcmpv6} : uint8_t{kProtoIcmp};
  answer.carried = static_cast<uint16_t>(sizeof(IcmpHeader) + quoted);
  // The outer headers leave more room than is needed: the smallest are 20 + 8 + 20 bytes, and the
  // largest that come in their place 40 + 8.
  const unsigned l4 = quote - static_cast<unsigned>(sizeof(IcmpHeader));
  const unsigned ip = l4 - answer.header();
  IcmpHeader icmp{};
  icmp.type = v6 ? uint8_t{kIcmpv6PacketTooBig} : uint8_t{kIcmpUnreachable};
  icmp.code = v6 ? uint8_t{0} : uint8_t{kIcmpFragmentationNeeded};
  icmp.rest = Be32(mtu);
  std::memcpy(HeaderAt<uint8_t>(m, l4), &icmp, sizeof(icmp));
  WriteVipAnswer(answer, HeaderAt<uint8_t>(m, ip));
  TrimTo(m, quote + quoted);
  rte_pktmbuf_adj(m, static_cast<uint16_t>(ip - sizeof(EthernetHeader)));
  DescribeVipAnswer(answer, sizeof(EthernetHeader), meta);
}

}  // namespace

void LearnPathMtu(StageContext& context, LbLcore& lcore, const ServiceTable& table, Burst& burst,
                  unsigned i) {
  PacketMeta& meta = burst.meta[i];
  rte_mbuf* const m = burst.pkt[i];
  const bool v6 = (meta.flags & kIpv6) != 0;
  if (meta.protocol != (v6 ? kProtoIcmpv6 : kProtoIcmp)) return;
  if ((meta.flags & (kL4Valid | kFragment)) != kL4Valid) return;
  const auto& icmp = *HeaderAt<IcmpHeader>(m, meta.l4_offset);
  const bool too_big = v6 ? icmp.type == kIcmpv6PacketTooBig
                          : icmp.type == kIcmpUnreachable && icmp.code == kIcmpFragmentationNeeded;
  if (!too_big) return;
  const uint32_t mtu = v6 ? icmp.rest.host() : icmp.rest.host() & 0xffff;
  const unsigned start = meta.l4_offset + static_cast<unsigned>(sizeof(IcmpHeader));
  const unsigned end =
      std::min<unsigned>(m->data_len, static_cast<unsigned>(meta.l3_offset) + meta.l3_length);
  if (end <= start) return;
  const Quoted quote{HeaderAt<uint8_t>(m, start), end - start};
  const auto outer = ReadIp(quote);
  if (!outer || outer->src.is_v6() != v6 || quote.length <= outer->header) return;
  if (!std::binary_search(table.tunnel_sources.begin(), table.tunnel_sources.end(), outer->src)) {
    return;
  }
  if (mtu < (v6 ? kLeastIpv6 : kLeastIpv4) || mtu >= outer->whole) return;
  if (!IcmpChecksumOk(meta, m)) return;
  const auto told = BackendOf(table, *outer, quote);
  if (!told) return;
  lcore.path_mtus->Learn(told->backend, static_cast<uint16_t>(mtu),
                         lcore.clock.Tick(context.now()));
  const BackendEntry& backend = table.Backend(told->backend);
  if (backend.may_cut || !CanBeTold(told->client) || !lcore.answers.Take(context.now())) return;
  BecomeClientError(m, meta, *told, start, end, static_cast<uint16_t>(mtu - backend.overhead));
}

}  // namespace flyover::lb
