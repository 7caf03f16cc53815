#include "tools/flyover_bench/replay.h"

#include <pcap/pcap.h>

#include <array>
#include <cstring>

#include "common/net/checksum.h"
#include "common/net/headers.h"
#include "common/net/ip_address.h"
#include "tools/flyover_bench/traffic.h"

namespace flyover {
namespace {

constexpr size_t kMostFrames = 1u << 20;
constexpr uint8_t kTtl = 64;

bool IsForwardable(uint32_t address) {
  const uint32_t octet = address >> 24;
  return octet != 0 && octet != 127 && octet < 224;
}

bool MakeIpv4(std::vector<uint8_t>& frame) {
  if (frame.size() < sizeof(EthernetHeader) + sizeof(Ipv4Header)) return false;
  auto& ip = *reinterpret_cast<Ipv4Header*>(frame.data() + sizeof(EthernetHeader));
  if (ip.version_ihl != 0x45 || !Ipv4ChecksumOk(ip)) return false;
  if (sizeof(EthernetHeader) + ip.total_length.host() > frame.size()) return false;
  if (!IsForwardable(ip.src.host()) || !IsForwardable(ip.dst.host())) return false;
  ip.ttl = kTtl;
  ip.checksum = Be16();
  ip.checksum = Checksum(&ip, sizeof(ip));
  return true;
}

bool MakeIpv6(std::vector<uint8_t>& frame) {
  if (frame.size() < sizeof(EthernetHeader) + sizeof(Ipv6Header)) return false;
  auto& ip = *reinterpret_cast<Ipv6Header*>(frame.data() + sizeof(EthernetHeader));
  const size_t end = sizeof(EthernetHeader) + sizeof(ip) + ip.payload_length.host();
  const auto special = [](const uint8_t* a) { return a[0] == 0 || a[0] >= 0xfe; };
  if (ip.version_class_flow.host() >> 28 != 6 || end > frame.size()) return false;
  if (special(ip.src) || special(ip.dst)) return false;
  ip.hop_limit = kTtl;
  return true;
}

}  // namespace

Result<std::shared_ptr<const Replay>> ReadCapture(const std::string& file) {
  const auto refuse = [&](const std::string& why) {
    return Status(StatusCode::kInvalidArgument, file + ": " + why);
  };
  std::array<char, PCAP_ERRBUF_SIZE> error{};
  const std::unique_ptr<pcap_t, decltype(&pcap_close)> capture(
      pcap_open_offline(file.c_str(), error.data()), &pcap_close);
  if (capture == nullptr) return refuse(std::string(error.data()));
  if (const int type = pcap_datalink(capture.get()); type != DLT_EN10MB) {
    const char* const name = pcap_datalink_val_to_name(type);
    return refuse("link type " + (name != nullptr ? std::string(name) : std::to_string(type)) +
                  "; accepted: EN10MB (Ethernet)");
  }
  auto replay = std::make_shared<Replay>();
  pcap_pkthdr* header = nullptr;
  const uint8_t* bytes = nullptr;
  int outcome = 0;
  while (replay->frames.size() < kMostFrames &&
         (outcome = pcap_next_ex(capture.get(), &header, &bytes)) == 1) {
    std::vector<uint8_t> frame(bytes, bytes + header->caplen);
    const bool whole = header->caplen == header->len && header->len <= kLongestFullFrame &&
                       header->len >= sizeof(EthernetHeader);
    bool ipv4 = false, ipv6 = false;
    if (whole) {
      const uint16_t type = LoadBe16(frame.data() + 12);
      ipv4 = type == kEtherTypeIpv4 && MakeIpv4(frame);
      ipv6 = type == kEtherTypeIpv6 && MakeIpv6(frame);
    }
    if (!ipv4 && !ipv6) {
      ++replay->left_out;
      continue;
    }
    std::memcpy(frame.data(), kBenchMac.bytes.data(), 6);
    std::memcpy(frame.data() + 6, kNeighborMac.bytes.data(), 6);
    replay->ipv4 |= ipv4;
    replay->ipv6 |= ipv6;
    replay->frames.push_back(std::move(frame));
  }
  if (outcome == -1) return refuse(pcap_geterr(capture.get()));
  if (replay->frames.empty()) {
    return refuse("none of its " + std::to_string(replay->left_out) +
                  " frames can be forwarded; accepted: whole IPv4 (without options) and IPv6 "
                  "packets between unicast addresses, in untagged frames of up to 1514 bytes");
  }
  return std::shared_ptr<const Replay>(std::move(replay));
}

}  // namespace flyover
