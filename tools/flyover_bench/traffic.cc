#include "tools/flyover_bench/traffic.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <set>
#include <unordered_set>

#include "common/net/checksum.h"
#include "common/net/headers.h"
#include "tools/flyover_bench/replay.h"

namespace flyover {
namespace {

constexpr uint16_t kImixMiddle = 570;
constexpr uint32_t kZipfDraws = 1u << 20;

Ipv6Address V6(uint64_t high, uint64_t low) {
  Ipv6Address a;
  StoreUnaligned(a.bytes.data(), SwapBytes(high));
  StoreUnaligned(a.bytes.data() + 8, SwapBytes(low));
  return a;
}

struct Share {
  unsigned length;
  unsigned permille;
};
constexpr Share kLengths4[] = {{24, 530}, {23, 150}, {22, 150}, {21, 50}, {20, 50},
                               {19, 30},  {16, 30},  {28, 5},   {32, 5}};
constexpr Share kLengths6[] = {{48, 400}, {32, 200}, {44, 120}, {40, 120}, {36, 100}, {29, 60}};

template <size_t N>
unsigned DrawLength(const Share (&shares)[N], std::mt19937_64& random) {
  unsigned draw = static_cast<unsigned>(random() % 1000);
  for (const Share& share : shares) {
    if (draw < share.permille) return share.length;
    draw -= share.permille;
  }
  return shares[0].length;
}

// Unicast that is none of the bench's own.
bool IsRoutable(uint32_t address) {
  const uint32_t octet = address >> 24;
  return octet >= 1 && octet < 224 && octet != 10 && octet != 127 && octet != 198;
}

}  // namespace

IpAddress BenchVip(bool ipv6, unsigned service) {
  if (ipv6) return V6(0x20010db8ffff0000ULL, 1 + service);
  return Ipv4Address{0xc6120001u + service};  // 198.18.0.1
}
IpAddress BenchGateway(bool ipv6, unsigned n) {
  if (ipv6) return V6(0x20010db800020000ULL, 2 + n);
  return Ipv4Address{0x0a020002u + n};  // 10.2.0.2
}
IpAddress BenchNeighbor(unsigned n) { return Ipv4Address{0x0a020101u + n}; }

std::vector<IpPrefix> BenchPrefixes(bool ipv6, uint32_t count, std::mt19937_64& random) {
  std::unordered_set<uint64_t> seen;
  std::vector<IpPrefix> out;
  out.reserve(count);
  while (out.size() < count) {
    if (ipv6) {
      const unsigned length = DrawLength(kLengths6, random);
      // 2a00::/12, where one of the registries has its addresses.
      const uint64_t high = ((0x2a0ULL << 52) | (random() >> 12)) & (~0ULL << (64 - length));
      if (seen.insert(high | length).second) out.emplace_back(V6(high, 0), length);
      continue;
    }
    const unsigned length = DrawLength(kLengths4, random);
    const uint32_t address = static_cast<uint32_t>(random()) & (~0u << (32 - length));
    if (!IsRoutable(address)) continue;
    if (seen.insert(uint64_t{address} << 6 | length).second) {
      out.emplace_back(Ipv4Address{address}, length);
    }
  }
  return out;
}

IpAddress AddressIn(const IpPrefix& prefix, std::mt19937_64& random) {
  if (prefix.family() == IpFamily::kIpv4) {
    const uint32_t host = prefix.length() == 32 ? 0 : ~0u >> prefix.length();
    return Ipv4Address{prefix.address().v4().value | (static_cast<uint32_t>(random()) & host)};
  }
  const uint64_t high = SwapBytes(LoadUnaligned<uint64_t>(prefix.address().data()));
  return V6(high | (random() & (~0ULL >> prefix.length())), random());
}

Traffic::Traffic(const Load& load, const std::vector<IpPrefix>& prefixes, uint64_t seed)
    : load_(load), random_(seed) {
  if (load.replay != nullptr) return;
  frames_.reserve(load.flows);
  std::bernoulli_distribution fragmented(load.fragments);
  while (frames_.size() < load.flows) {
    const auto f = static_cast<uint32_t>(frames_.size());
    const IpAddress destination =
        load.services > 0 ? BenchVip(load.ipv6, static_cast<unsigned>(random_() % load.services))
                          : AddressIn(prefixes[random_() % prefixes.size()], random_);
    if (load.fragments > 0 && load.flows - f >= 2 && fragmented(random_)) {
      AddFragments(destination);
    } else {
      frames_.push_back(MakeFrame(destination, LengthOf(f)));
    }
  }
  if (load.choice == FlowChoice::kZipf) {
    // Inverse of the harmonic sum by its integral: rank = flows^u.
    std::uniform_real_distribution<double> uniform(0, 1);
    for (uint32_t i = 0; i < kZipfDraws; ++i) {
      const double rank = std::pow(static_cast<double>(load.flows), uniform(random_));
      order_.push_back(std::min(static_cast<uint32_t>(rank), load.flows) - 1);
    }
  }
  new_threshold_ = static_cast<uint64_t>(load.new_flows * 0x1p32);
}

uint16_t Traffic::LengthOf(uint32_t flow) const {
  const uint16_t least = !load_.ipv6 ? 60 : load_.services > 0 ? 74 : 62;
  if (load_.imix) return flow % 12 < 7 ? least : flow % 12 < 11 ? kImixMiddle : kLongestFullFrame;
  return std::max(load_.frame, least);
}

Traffic::Frame Traffic::MakeFrame(const IpAddress& destination, uint16_t length) {
  Frame frame{};
  frame.length = length;
  const EthernetHeader ethernet{kBenchMac, kNeighborMac,
                                Be16(load_.ipv6 ? kEtherTypeIpv6 : kEtherTypeIpv4)};
  std::memcpy(frame.bytes.data(), &ethernet, sizeof(ethernet));
  uint8_t* const l3 = frame.bytes.data() + sizeof(ethernet);
  uint8_t* l4 = nullptr;
  // IPv6 routed loads are UDP: a TCP header would make the frame longer than IPv4's.
  const uint8_t protocol = load_.ipv6 && load_.services == 0 ? kProtoUdp : kProtoTcp;
  if (load_.ipv6) {
    auto* const ip = reinterpret_cast<Ipv6Header*>(l3);
    ip->version_class_flow = Be32(0x60000000);
    ip->payload_length = Be16(static_cast<uint16_t>(length - sizeof(ethernet) - sizeof(*ip)));
    ip->next_header = protocol;
    ip->hop_limit = 64;
    std::memcpy(ip->src, V6(0x20010db800010000ULL, random_()).bytes.data(), 16);
    std::memcpy(ip->dst, destination.data(), 16);
    l4 = l3 + sizeof(*ip);
  } else {
    auto* const ip = reinterpret_cast<Ipv4Header*>(l3);
    ip->version_ihl = 0x45;
    ip->total_length = Be16(static_cast<uint16_t>(length - sizeof(ethernet)));
    ip->fragment = Be16(kIpv4DontFragment);
    ip->ttl = 64;
    ip->protocol = protocol;
    ip->src = Be32(0x0a010000u | static_cast<uint32_t>(random_() & 0xffff));
    ip->dst = Be32(destination.v4().value);
    ip->checksum = Checksum(ip, sizeof(*ip));
    l4 = l3 + sizeof(*ip);
  }
  StoreBe16(l4, static_cast<uint16_t>(random_()));
  StoreBe16(l4 + 2, 80);
  if (protocol == kProtoTcp) {
    l4[12] = 0x50;
    l4[13] = kTcpAck;
  } else {
    StoreBe16(l4 + 4, static_cast<uint16_t>(length - (l4 - frame.bytes.data())));
  }
  return frame;
}

void Traffic::AddFragments(const IpAddress& destination) {
  // The payload of a first fragment is a multiple of 8 bytes: TCP's header and 4 more, or UDP's.
  Frame whole = MakeFrame(destination, LengthOf(0));
  const uint8_t protocol = load_.ipv6 && load_.services == 0 ? kProtoUdp : kProtoTcp;
  const uint16_t payload = protocol == kProtoTcp ? 24 : 8;
  uint8_t* const l3 = whole.bytes.data() + sizeof(EthernetHeader);
  const auto id = static_cast<uint32_t>(random_());
  for (const bool last : {false, true}) {
    Frame frame = whole;
    uint8_t* const ip = frame.bytes.data() + sizeof(EthernetHeader);
    const auto place = static_cast<uint16_t>(last ? payload / 8 : 0);
    if (load_.ipv6) {
      auto* const header = reinterpret_cast<Ipv6Header*>(ip);
      header->payload_length = Be16(static_cast<uint16_t>(8 + payload));
      header->next_header = kProtoFragment;
      uint8_t* const extension = ip + sizeof(Ipv6Header);
      std::memcpy(extension + 8, l3 + sizeof(Ipv6Header), payload - 4);
      extension[0] = protocol;
      extension[1] = 0;
      StoreBe16(extension + 2, static_cast<uint16_t>(place << 3 | (last ? 0 : 1)));
      StoreUnaligned(extension + 4, id);
      frame.length =
          static_cast<uint16_t>(sizeof(EthernetHeader) + sizeof(Ipv6Header) + 8 + payload);
    } else {
      auto* const header = reinterpret_cast<Ipv4Header*>(ip);
      header->total_length = Be16(static_cast<uint16_t>(sizeof(Ipv4Header) + payload));
      header->id = Be16(static_cast<uint16_t>(id));
      header->fragment = Be16(last ? place : kIpv4MoreFragments);
      header->checksum = Be16();
      header->checksum = Checksum(header, sizeof(*header));
    }
    frames_.push_back(frame);
  }
}

void Traffic::MakeNew(uint8_t* frame) {
  const uint64_t n = ++next_new_;
  uint8_t* const l3 = frame + sizeof(EthernetHeader);
  uint8_t* l4 = l3;
  if (load_.ipv6) {
    StoreUnaligned(reinterpret_cast<Ipv6Header*>(l3)->src + 8, ~n);
    l4 += sizeof(Ipv6Header);
  } else {
    auto* const ip = reinterpret_cast<Ipv4Header*>(l3);
    ip->src = Be32(0x0b000000u + static_cast<uint32_t>(n & 0xffffff));
    ip->checksum = Be16();
    ip->checksum = Checksum(ip, sizeof(*ip));
    l4 += sizeof(Ipv4Header);
  }
  StoreBe16(l4, static_cast<uint16_t>(n >> 24));
  if (load_.syn) l4[13] = kTcpSyn;
}

uint16_t Traffic::Next(uint8_t* to) {
  if (load_.replay != nullptr) {
    const std::vector<uint8_t>& frame = load_.replay->frames[next_];
    if (++next_ == load_.replay->frames.size()) next_ = 0;
    std::memcpy(to, frame.data(), frame.size());
    return static_cast<uint16_t>(frame.size());
  }
  const size_t turns = order_.empty() ? frames_.size() : order_.size();
  const Frame& frame = frames_[order_.empty() ? next_ : order_[next_]];
  if (++next_ == turns) next_ = 0;
  if (order_.empty() && next_ + 4 < turns) __builtin_prefetch(&frames_[next_ + 4]);
  std::memcpy(to, frame.bytes.data(), kHeaders);
  if (new_threshold_ != 0 && (random_() & 0xffffffff) < new_threshold_) MakeNew(to);
  return frame.length;
}

Status Traffic::CheckSpread() const {
  if (load_.replay != nullptr) return Status::Ok();  // the file's
  std::set<std::array<uint8_t, kHeaders>> distinct;
  std::set<std::array<uint8_t, 16>> destinations;
  // A sample is enough to see that flows are alike, and quick with millions of them.
  const size_t step = std::max<size_t>(frames_.size() / 65'536, 1);
  size_t looked_at = 0;
  for (size_t i = 0; i < frames_.size(); i += step, ++looked_at) {
    distinct.insert(frames_[i].bytes);
    std::array<uint8_t, 16> destination{};
    const unsigned at = load_.ipv6 ? 14 + 24 : 14 + 16;
    std::memcpy(destination.data(), &frames_[i].bytes[at], load_.ipv6 ? 16 : 4);
    destinations.insert(destination);
  }
  const auto refuse = [&](size_t found, const char* what, size_t wanted) {
    return Status(StatusCode::kFailedPrecondition,
                  load_.name + ": the flows do not spread: " + std::to_string(found) +
                      " distinct " + what + " among " + std::to_string(wanted) + " frames");
  };
  if (distinct.size() < looked_at * 9 / 10) return refuse(distinct.size(), "flows", looked_at);
  const size_t targets = load_.services > 0 ? load_.services : load_.routes;
  if (destinations.size() < std::min(targets, looked_at) / 3) {
    return refuse(destinations.size(), "destinations", looked_at);
  }
  return Status::Ok();
}

Status WritePcap(const Load& load, uint64_t seed, const std::string& path) {
  std::mt19937_64 random(seed);
  Traffic traffic(load, BenchPrefixes(load.ipv6, load.routes, random), seed + 1);
  if (Status status = traffic.CheckSpread(); !status.ok()) return status;
  struct FileHeader {
    uint32_t magic = 0xa1b2c3d4;
    uint16_t major = 2, minor = 4;
    uint32_t zone = 0, accuracy = 0, longest = 65'535, link_type = 1;
  } header;
  struct RecordHeader {
    uint32_t seconds = 0, microseconds = 0, captured, length;
  };
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(&header), sizeof(header));
  for (uint32_t i = 0; i < load.flows; ++i) {
    std::array<uint8_t, kLongestFrame> bytes{};
    const uint16_t length = traffic.Next(bytes.data());
    const RecordHeader record{.captured = length, .length = length};
    file.write(reinterpret_cast<const char*>(&record), sizeof(record));
    file.write(reinterpret_cast<const char*>(bytes.data()), length);
  }
  file.close();
  if (!file) return Status(StatusCode::kUnavailable, "cannot write " + path);
  return Status::Ok();
}

}  // namespace flyover
