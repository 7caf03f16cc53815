#include "common/testing/packet_builder.h"

#include <arpa/inet.h>

#include <cstdio>
#include <cstdlib>

namespace flyover::test {
namespace {

void Put16(Bytes& to, uint32_t v) {
  to.push_back(static_cast<uint8_t>(v >> 8));
  to.push_back(static_cast<uint8_t>(v));
}
void Put32(Bytes& to, uint32_t v) {
  Put16(to, v >> 16);
  Put16(to, v & 0xffff);
}
void Set16(Bytes& in, size_t at, uint32_t v) {
  in[at] = static_cast<uint8_t>(v >> 8);
  in[at + 1] = static_cast<uint8_t>(v);
}
template <typename Range>
void PutAll(Bytes& to, const Range& bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}
void PadTo(Bytes& bytes, size_t multiple) {
  while (bytes.size() % multiple != 0) bytes.push_back(0);
}

uint16_t EtherTypeOf(const Layer& layer) {
  if (std::holds_alternative<Ip4>(layer)) return 0x0800;
  if (std::holds_alternative<Ip6>(layer)) return 0x86dd;
  if (std::holds_alternative<Arp>(layer)) return 0x0806;
  if (const auto* vlan = std::get_if<Vlan>(&layer)) return vlan->tpid;
  return 0x0800;
}

uint8_t ProtocolOf(const Layer& layer) {
  if (std::holds_alternative<Ip4>(layer)) return 4;
  if (std::holds_alternative<Ip6>(layer)) return 41;
  if (std::holds_alternative<Tcp>(layer)) return 6;
  if (std::holds_alternative<Udp>(layer)) return 17;
  if (std::holds_alternative<Frag6>(layer)) return 44;
  if (const auto* ext = std::get_if<Ext6>(&layer)) return ext->kind;
  if (const auto* icmp = std::get_if<Icmp>(&layer)) return icmp->v6 ? 58 : 1;
  return 253;  // for experiments (RFC 3692)
}

// The checksum of an L4 header with its payload; `at` is where its field lies.
void Seal(Bytes& header, const Bytes& payload, const Bytes& pseudo, size_t at,
          const std::optional<uint16_t>& given, bool zero_means_none) {
  if (given) return Set16(header, at, *given);
  Bytes all = pseudo;
  PutAll(all, header);
  PutAll(all, payload);
  uint16_t sum = InternetChecksum(all);
  if (zero_means_none && sum == 0) sum = 0xffff;
  Set16(header, at, sum);
}

}  // namespace

uint16_t InternetChecksum(const Bytes& bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? uint32_t{bytes[i]} << 8 : bytes[i];
    if (sum > 0xffff) sum -= 0xffff;
  }
  return static_cast<uint16_t>(~sum);
}

Bytes AddressBytes(const std::string& text) {
  Bytes bytes(text.find(':') == std::string::npos ? 4 : 16);
  const int family = bytes.size() == 4 ? AF_INET : AF_INET6;
  if (inet_pton(family, text.c_str(), bytes.data()) != 1) {
    std::fprintf(stderr, "not an address: '%s'\n", text.c_str());
    std::abort();
  }
  return bytes;
}

Raw Payload(size_t n) {
  Raw raw;
  for (size_t i = 0; i < n; ++i)
    raw.bytes.push_back(static_cast<uint8_t>('a' + i * 7 % 26 + i / 256));
  return raw;
}

Bytes Cut(Bytes bytes, size_t length) {
  bytes.resize(length);
  return bytes;
}

Bytes Join(Bytes front, const Bytes& back) {
  PutAll(front, back);
  return front;
}

Bytes Packet::PseudoAddresses(size_t i) const {
  while (i-- > 0) {
    if (const auto* ip = std::get_if<Ip4>(&layers_[i])) {
      return Join(AddressBytes(ip->src), AddressBytes(ip->dst));
    }
    if (const auto* ip = std::get_if<Ip6>(&layers_[i])) {
      return Join(AddressBytes(ip->src), AddressBytes(ip->dst));
    }
  }
  return {};
}

Bytes Packet::Render(size_t i) const {
  if (i == layers_.size()) return {};
  const Bytes payload = Render(i + 1);
  const bool last = i + 1 == layers_.size();
  const uint8_t next_protocol = last ? uint8_t{59} : ProtocolOf(layers_[i + 1]);
  Bytes out;
  const auto pseudo = [&](uint8_t protocol, size_t header) {
    Bytes bytes = PseudoAddresses(i);
    if (bytes.empty()) return bytes;
    Put16(bytes, protocol);
    Put16(bytes, static_cast<uint32_t>(header + payload.size()));
    return bytes;
  };
  if (const auto* eth = std::get_if<Eth>(&layers_[i])) {
    PutAll(out, eth->dst);
    PutAll(out, eth->src);
    Put16(out, eth->type.value_or(last ? uint16_t{0x0800} : EtherTypeOf(layers_[i + 1])));
  } else if (const auto* vlan = std::get_if<Vlan>(&layers_[i])) {
    Put16(out, uint32_t{vlan->priority} << 13 | vlan->id);
    Put16(out, vlan->type.value_or(last ? uint16_t{0x0800} : EtherTypeOf(layers_[i + 1])));
  } else if (const auto* arp = std::get_if<Arp>(&layers_[i])) {
    Put16(out, arp->hardware);
    Put16(out, arp->protocol);
    out.push_back(arp->hlen);
    out.push_back(arp->plen);
    Put16(out, arp->op);
    PutAll(out, arp->sha);
    PutAll(out, AddressBytes(arp->spa));
    PutAll(out, arp->tha);
    PutAll(out, AddressBytes(arp->tpa));
  } else if (const auto* ip = std::get_if<Ip4>(&layers_[i])) {
    Bytes options = ip->options;
    PadTo(options, 4);
    const size_t header = 20 + options.size();
    out.push_back(static_cast<uint8_t>(ip->version << 4 |
                                       (ip->ihl.value_or(static_cast<uint8_t>(header / 4)) & 15)));
    out.push_back(ip->tos);
    Put16(out, ip->length.value_or(static_cast<uint16_t>(header + payload.size())));
    Put16(out, ip->id);
    Put16(out,
          uint32_t{ip->evil} << 15 | uint32_t{ip->df} << 14 | uint32_t{ip->mf} << 13 | ip->frag);
    out.push_back(ip->ttl);
    out.push_back(ip->proto.value_or(next_protocol));
    Put16(out, 0);
    PutAll(out, AddressBytes(ip->src));
    PutAll(out, AddressBytes(ip->dst));
    PutAll(out, options);
    // A wrong ihl changes what the checksum covers: take what the field says where there is as
    // much.
    const size_t covered = (out[0] & 15u) * size_t{4};
    Bytes summed = Join(out, payload);
    if (covered >= 20 && covered <= summed.size()) summed.resize(covered);
    Set16(out, 10, ip->checksum.value_or(InternetChecksum(summed)));
  } else if (const auto* ip6 = std::get_if<Ip6>(&layers_[i])) {
    Put32(out, uint32_t{ip6->version} << 28 | uint32_t{ip6->traffic_class} << 20 | ip6->flow);
    Put16(out, ip6->plen.value_or(static_cast<uint16_t>(payload.size())));
    out.push_back(ip6->next.value_or(next_protocol));
    out.push_back(ip6->hlim);
    PutAll(out, AddressBytes(ip6->src));
    PutAll(out, AddressBytes(ip6->dst));
  } else if (const auto* ext = std::get_if<Ext6>(&layers_[i])) {
    out = {ext->next.value_or(next_protocol), 0};
    PutAll(out, ext->body);
    const bool ah = ext->kind == 51;
    PadTo(out, ah ? 4 : 8);
    const size_t units = ah ? out.size() / 4 - 2 : out.size() / 8 - 1;
    out[1] = ext->length.value_or(static_cast<uint8_t>(units));
  } else if (const auto* fragment = std::get_if<Frag6>(&layers_[i])) {
    out = {fragment->next.value_or(next_protocol), 0};
    Put16(out, uint32_t{fragment->offset} << 3 | (fragment->more ? 1u : 0u));
    Put32(out, fragment->id);
  } else if (const auto* tcp = std::get_if<Tcp>(&layers_[i])) {
    Bytes options = tcp->options;
    PadTo(options, 4);
    Put16(out, tcp->sport);
    Put16(out, tcp->dport);
    Put32(out, tcp->seq);
    Put32(out, tcp->ack);
    out.push_back(static_cast<uint8_t>(
        tcp->data_offset.value_or(static_cast<uint8_t>(5 + options.size() / 4)) << 4));
    out.push_back(tcp->flags);
    Put16(out, tcp->window);
    Put32(out, 0);
    PutAll(out, options);
    Seal(out, payload, pseudo(6, out.size()), 16, tcp->checksum, false);
  } else if (const auto* udp = std::get_if<Udp>(&layers_[i])) {
    Put16(out, udp->sport);
    Put16(out, udp->dport);
    Put16(out, udp->length.value_or(static_cast<uint16_t>(8 + payload.size())));
    Put16(out, 0);
    Seal(out, payload, pseudo(17, out.size()), 6, udp->checksum, true);
  } else if (const auto* icmp = std::get_if<Icmp>(&layers_[i])) {
    out = {icmp->type, icmp->code, 0, 0};
    Put32(out, icmp->rest);
    Seal(out, payload, icmp->v6 ? pseudo(58, out.size()) : Bytes{}, 2, icmp->checksum, false);
  } else if (const auto* raw = std::get_if<Raw>(&layers_[i])) {
    out = raw->bytes;
  }
  PutAll(out, payload);
  return out;
}

}  // namespace flyover::test
