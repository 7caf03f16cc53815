#include "tools/flyoverd/daemon/announcement.h"

#include <algorithm>
#include <cstring>

#include "common/net/checksum.h"
#include "common/net/headers.h"

namespace flyover {
namespace {

constexpr size_t kMinimumFrame = 60;
constexpr uint16_t kArpRequest = 1;
constexpr uint32_t kNaOverride = 0xa0000000;  // router and override flags; not solicited
constexpr uint8_t kTargetLinkLayerOption = 2;

void PutEthernet(std::vector<uint8_t>& frame, const MacAddress& dst, const MacAddress& src,
                 uint16_t type) {
  const EthernetHeader header{dst, src, Be16(type)};
  std::memcpy(frame.data(), &header, sizeof(header));
}

std::vector<uint8_t> GratuitousArp(const MacAddress& mac, const Ipv4Address& address) {
  std::vector<uint8_t> frame(kMinimumFrame);
  PutEthernet(frame, MacAddress::Broadcast(), mac, kEtherTypeArp);
  uint8_t* const arp = frame.data() + sizeof(EthernetHeader);
  StoreBe16(arp, 1);
  StoreBe16(arp + 2, kEtherTypeIpv4);
  arp[4] = 6;
  arp[5] = 4;
  StoreBe16(arp + 6, kArpRequest);
  std::copy(mac.bytes.begin(), mac.bytes.end(), arp + 8);
  StoreBe32(arp + 14, address.value);
  StoreBe32(arp + 24, address.value);
  return frame;
}

std::vector<uint8_t> UnsolicitedAdvertisement(const MacAddress& mac, const Ipv6Address& address) {
  constexpr uint16_t kLength = 32;  // ICMPv6 header, target, one option
  std::vector<uint8_t> frame(sizeof(EthernetHeader) + sizeof(Ipv6Header) + kLength);
  PutEthernet(frame, {{0x33, 0x33, 0, 0, 0, 1}}, mac, kEtherTypeIpv6);
  auto* const ip = reinterpret_cast<Ipv6Header*>(frame.data() + sizeof(EthernetHeader));
  ip->version_class_flow = Be32(0x60000000);
  ip->payload_length = Be16(kLength);
  ip->next_header = kProtoIcmpv6;
  ip->hop_limit = 255;
  std::copy(address.bytes.begin(), address.bytes.end(), ip->src);
  ip->dst[0] = 0xff;  // ff02::1
  ip->dst[1] = 0x02;
  ip->dst[15] = 1;
  auto* const icmp = reinterpret_cast<uint8_t*>(ip + 1);
  icmp[0] = kIcmpv6NeighborAdvert;
  StoreBe32(icmp + 4, kNaOverride);
  std::copy(address.bytes.begin(), address.bytes.end(), icmp + 8);
  icmp[24] = kTargetLinkLayerOption;
  icmp[25] = 1;  // in units of 8 bytes
  std::copy(mac.bytes.begin(), mac.bytes.end(), icmp + 26);
  ChecksumAccumulator sum;
  AddPseudoHeader(sum, *ip, kProtoIcmpv6, kLength);
  sum.Add(icmp, kLength);
  StoreUnaligned(icmp + 2, sum.Finish().raw());
  return frame;
}

}  // namespace

std::vector<uint8_t> BuildAnnouncement(const MacAddress& mac, const IpAddress& address) {
  return address.is_v4() ? GratuitousArp(mac, address.v4())
                         : UnsolicitedAdvertisement(mac, address.v6());
}

}  // namespace flyover
