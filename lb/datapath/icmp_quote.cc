#include "lb/datapath/icmp_quote.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "common/net/headers.h"

namespace flyover::lb {
namespace {

constexpr size_t kPortsAndMore = 8;  // what RFC 792 promises of the L4 header

QuoteResult ParseL4(const uint8_t* quote, size_t offset, size_t end, QuotedFlow& flow) {
  if (flow.protocol != kProtoTcp && flow.protocol != kProtoUdp) return QuoteResult::kNoFlow;
  if (offset + kPortsAndMore > end) return QuoteResult::kMalformed;
  flow.vip_port = LoadBe16(quote + offset);
  flow.ports = std::rotl(LoadUnaligned<uint32_t>(quote + offset), 16);
  return QuoteResult::kFlow;
}

QuoteResult ParseIpv4(const uint8_t* quote, size_t length, QuotedFlow& flow) {
  Ipv4Header ip;
  if (length < sizeof(ip)) return QuoteResult::kMalformed;
  std::memcpy(&ip, quote, sizeof(ip));
  const size_t header = ip.header_length();
  if (ip.version_ihl >> 4 != 4 || header < sizeof(ip) || ip.total_length.host() < header) {
    return QuoteResult::kMalformed;
  }
  if ((ip.fragment.host() & kIpv4OffsetMask) != 0) return QuoteResult::kNoFlow;
  flow.protocol = ip.protocol;
  flow.vip = Ipv4Address{ip.src.host()};
  flow.client = Ipv4Address{ip.dst.host()};
  return ParseL4(quote, header, std::min<size_t>(length, ip.total_length.host()), flow);
}

QuoteResult ParseIpv6(const uint8_t* quote, size_t length, QuotedFlow& flow) {
  Ipv6Header ip;
  if (length < sizeof(ip)) return QuoteResult::kMalformed;
  std::memcpy(&ip, quote, sizeof(ip));
  if (ip.version_class_flow.host() >> 28 != 6) return QuoteResult::kMalformed;
  flow.vip = Ipv6Address::FromBytes(ip.src);
  flow.client = Ipv6Address::FromBytes(ip.dst);

  const size_t end = std::min<size_t>(length, sizeof(ip) + ip.payload_length.host());
  uint8_t next = ip.next_header;
  // Each header is 8 bytes or longer, so this ends.
  for (size_t at = sizeof(ip);;) {
    const bool extension = next == kProtoHopByHop || next == kProtoRouting ||
                           next == kProtoDestOptions || next == kProtoFragment || next == kProtoAh;
    if (!extension) {
      flow.protocol = next;
      return ParseL4(quote, at, end, flow);
    }
    if (at + 8 > end) return QuoteResult::kMalformed;
    size_t size = 8 * (quote[at + 1] + size_t{1});
    if (next == kProtoFragment) {
      if ((LoadBe16(quote + at + 2) & 0xfff8) != 0) return QuoteResult::kNoFlow;
      size = 8;
    } else if (next == kProtoAh) {
      size = 4 * (quote[at + 1] + size_t{2});
      if (size < 8) return QuoteResult::kMalformed;
    }
    next = quote[at];
    at += size;
  }
}

}  // namespace

uint64_t QuotedFlow::Hash(const HashKey& key) const {
  if (!v6) return HashIpv4Flow(key, client.v4().value, vip.v4().value, ports, protocol);
  std::array<uint8_t, 32> addresses;
  std::memcpy(addresses.data(), client.data(), 16);
  std::memcpy(addresses.data() + 16, vip.data(), 16);
  return HashIpv6Flow(key, addresses.data(), ports, protocol);
}

QuoteResult ParseQuote(const uint8_t* quote, size_t length, bool v6, QuotedFlow& flow) {
  flow.v6 = v6;
  return v6 ? ParseIpv6(quote, length, flow) : ParseIpv4(quote, length, flow);
}

}  // namespace flyover::lb
