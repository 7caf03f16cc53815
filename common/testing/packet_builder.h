// Frames for tests, written as they read on the wire:
//
//   Bytes frame = Eth{.dst = kPort} / Ip4{.src = "10.1.0.2", .dst = "10.9.0.1"} / Udp{.dport = 9} /
//                 Payload(64);
//
// Lengths, types and checksums that are left out are computed; a field that is given is taken as it
// is, however wrong. Nothing here uses common/net/checksum.h or headers.h: what the product
// computes is compared with what somebody else computed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace flyover::test {

using Bytes = std::vector<uint8_t>;
using Mac = std::array<uint8_t, 6>;

struct Eth {
  Mac dst{};
  Mac src{};
  std::optional<uint16_t> type = {};
};
struct Vlan {
  uint16_t id = 0;
  uint8_t priority = 0;
  uint16_t tpid = 0x8100;  // what the layer in front names it
  std::optional<uint16_t> type = {};
};
struct Arp {
  uint16_t op = 1;
  Mac sha{};
  std::string spa = "0.0.0.0";
  Mac tha{};
  std::string tpa = "0.0.0.0";
  uint16_t hardware = 1;
  uint16_t protocol = 0x0800;
  uint8_t hlen = 6;
  uint8_t plen = 4;
};
struct Ip4 {
  std::string src = {};
  std::string dst = {};
  uint8_t tos = 0;
  uint16_t id = 0x1234;
  bool evil = false;
  bool df = false;
  bool mf = false;
  uint16_t frag = 0;  // in units of 8 bytes
  uint8_t ttl = 64;
  std::optional<uint8_t> proto = {};
  uint8_t version = 4;
  std::optional<uint8_t> ihl = {};
  std::optional<uint16_t> length = {};
  std::optional<uint16_t> checksum = {};
  Bytes options = {};  // padded with zeros to words
};
struct Ip6 {
  std::string src = {};
  std::string dst = {};
  uint8_t traffic_class = 0;
  uint32_t flow = 0;
  uint8_t hlim = 64;
  std::optional<uint8_t> next = {};
  uint8_t version = 6;
  std::optional<uint16_t> plen = {};
};
// An IPv6 extension header of type `kind`. `body` follows next header and length; it is padded with
// zeros to a multiple of 8 (AH: 4) bytes.
struct Ext6 {
  uint8_t kind = 60;
  Bytes body = {1, 4, 0, 0, 0, 0};  // PadN
  std::optional<uint8_t> next = {};
  std::optional<uint8_t> length = {};  // as it lies on the wire
};
struct Frag6 {
  uint16_t offset = 0;  // in units of 8 bytes
  bool more = false;
  uint32_t id = 0x01020304;
  std::optional<uint8_t> next = {};
};
struct Tcp {
  uint16_t sport = 40000;
  uint16_t dport = 80;
  uint32_t seq = 1;
  uint32_t ack = 0;
  uint8_t flags = 0x02;  // SYN
  uint16_t window = 8192;
  Bytes options = {};
  std::optional<uint8_t> data_offset = {};  // words
  std::optional<uint16_t> checksum = {};
};
struct Udp {
  uint16_t sport = 40000;
  uint16_t dport = 9;
  std::optional<uint16_t> length = {};
  std::optional<uint16_t> checksum = {};
};
// ICMP over IPv4, ICMPv6 over IPv6: the layer in front decides the pseudo-header.
struct Icmp {
  uint8_t type = 8;
  uint8_t code = 0;
  uint32_t rest = 0;  // id and sequence, MTU, pointer, unused
  std::optional<uint16_t> checksum = {};
  bool v6 = false;
};
struct Raw {
  Bytes bytes = {};
};

using Layer = std::variant<Eth, Vlan, Arp, Ip4, Ip6, Ext6, Frag6, Tcp, Udp, Icmp, Raw>;

class Packet {
 public:
  template <typename L>
  requires std::is_constructible_v<Layer, L> Packet(L first)
      : layers_{Layer(std::move(first))} {}  // NOLINT(google-explicit-constructor)

  Bytes Build() const { return Render(0); }
  operator Bytes() const { return Build(); }  // NOLINT(google-explicit-constructor)
  void Append(const Packet& inner) {
    layers_.insert(layers_.end(), inner.layers_.begin(), inner.layers_.end());
  }

 private:
  Bytes Render(size_t i) const;
  // The IP addresses of the nearest IP header in front of layer i, as they lie in a pseudo-header.
  Bytes PseudoAddresses(size_t i) const;

  std::vector<Layer> layers_;
};

inline Packet operator/(Packet outer, const Packet& inner) {
  outer.Append(inner);
  return outer;
}

// `n` bytes that differ from their neighbours.
Raw Payload(size_t n);
Bytes Cut(Bytes bytes, size_t length);
Bytes Join(Bytes front, const Bytes& back);

// One's complement sum over big-endian 16-bit words, complemented (RFC 1071).
uint16_t InternetChecksum(const Bytes& bytes);
// Network order, 4 or 16 bytes. Aborts on a text that is no address: tests are to be right.
Bytes AddressBytes(const std::string& text);

}  // namespace flyover::test
