// The frames of a load, the same for the same seed. Nothing here is inside a clock.
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <vector>

#include "common/base/status.h"
#include "common/net/ip_prefix.h"
#include "common/net/mac_address.h"
#include "tools/flyover_bench/load.h"

namespace flyover {

// Addresses of the measured network.
inline constexpr MacAddress kBenchMac{{0x02, 0, 0, 0, 0, 0x01}};     // of the receiving port
inline constexpr MacAddress kNeighborMac{{0x02, 0, 0, 0, 0, 0x99}};  // of everybody else
IpAddress BenchVip(bool ipv6, unsigned service);
IpAddress BenchGateway(bool ipv6, unsigned n);  // next hops, on the transmitting port
IpAddress BenchNeighbor(unsigned n);            // L2-DSR backends, on the transmitting port
// `count` distinct prefixes, with the lengths of a full table (IPv4: /24 53 %, /23 and /22 15 %
// each, 1 % longer than /24; IPv6: /48 40 %, /32 20 %, /44, /40, /36, /29). Derived, not a BGP
// table.
std::vector<IpPrefix> BenchPrefixes(bool ipv6, uint32_t count, std::mt19937_64& random);
IpAddress AddressIn(const IpPrefix& prefix, std::mt19937_64& random);

class Traffic {
 public:
  static constexpr uint16_t kHeaders = 88;  // what a flow keeps; the rest of a frame is payload

  // Destinations lie in `prefixes` (routed loads) or are the services' VIPs.
  Traffic(const Load& load, const std::vector<IpPrefix>& prefixes, uint64_t seed);

  // Writes the headers of the next frame (kHeaders bytes of room; kLongestFullFrame of a load that
  // replays, whose frames are written whole) and returns the frame's length.
  uint16_t Next(uint8_t* to);
  // Goes back to the first flow (not for flows that are new).
  void Rewind() { next_ = 0; }
  // Distinct flows and, of a routed load with many routes, destinations: fewer than asked for means
  // that the figure would be one of a small table.
  Status CheckSpread() const;

 private:
  struct Frame {
    std::array<uint8_t, kHeaders> bytes;
    uint16_t length;
  };
  Frame MakeFrame(const IpAddress& destination, uint16_t length);
  // The two fragments of a packet.
  void AddFragments(const IpAddress& destination);
  uint16_t LengthOf(uint32_t flow) const;
  void MakeNew(uint8_t* frame);

  Load load_;
  std::mt19937_64 random_;
  std::vector<Frame> frames_;    // one per flow
  std::vector<uint32_t> order_;  // Zipf: indices of frames_; empty: one after the other
  size_t next_ = 0;
  uint64_t new_threshold_ = 0;
  uint64_t next_new_ = 0;
};

// A pcap file (link type Ethernet) with one frame of each flow of a load, whose routes are those of
// a Testbed with the same seed.
Status WritePcap(const Load& load, uint64_t seed, const std::string& path);

}  // namespace flyover
