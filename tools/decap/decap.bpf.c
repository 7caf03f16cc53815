/* Takes what a balancer put in front off packets, so that a Linux backend accepts them without a
 * tunnel device: IPIP in any pair of families (RFC 2003, RFC 4213, RFC 2473), GRE without options
 * (RFC 2784), GUE of both variants without extensions (draft-ietf-intarea-gue), ECN after RFC 6040
 * 4.2. And gives L3DSR packets their VIP back, by their DSCP.
 *
 * A packet is opened only when its outer destination is in `addresses` and its inner destination is
 * in `vips`; every other sound packet goes on to the kernel as it came. Nothing is read beyond the
 * packet: each header is compared with data_end before it is touched, and each length field with
 * the one around it. The UDP checksum of GUE is not looked at: balancers send none. */
#include <linux/bpf.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tools/decap/decap_shared.h"

#define EXPORT __attribute__((visibility("default"), used))

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, DECAP_MAX_ADDRESSES);
  __type(key, struct DecapAddress);
  __type(value, __u32); /* not read */
} addresses SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, DECAP_MAX_ADDRESSES);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct DecapPrefix);
  __type(value, __u32);
} vips SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, DECAP_MAX_ADDRESSES);
  __type(key, __u32);
  __type(value, struct DecapVipCount);
} vip_counts SEC(".maps");

/* [0]: the UDP port of GUE; 0: GUE is left alone. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} gue_port SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, DECAP_DSCP_PLACES);
  __type(key, __u32);
  __type(value, struct DecapAddress);
} dscps SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, kDecapCounterCount);
  __type(key, __u32);
  __type(value, __u64);
} counters SEC(".maps");

enum { kMoreFragments = 0x2000, kFragmentOffset = 0x1fff };
enum { kNotEct = 0, kEct1 = 1, kEct0 = 2, kCe = 3 };

/* By these a tunnel's counter is found: four for each. */
enum Kind { kIpip, kGre, kGue, kGueV1 };

struct Gre {
  __be16 flags;
  __be16 protocol;
};

struct Gue {
  __u8 variant_length; /* variant:2, control:1, length of the extensions:5 */
  __u8 protocol;
  __be16 flags;
};

/* The outer headers, or the verdict that ends the packet's way when `counter` is not
 * kDecapCounterCount. */
struct Outer {
  enum DecapCounter counter;
  __u32 shift;   /* bytes in front of the inner packet, Ethernet's not counted */
  __u32 payload; /* bytes after them, as they say */
  __u8 next;     /* protocol of the outer IP header */
  __u8 outer6;
  __u8 inner6;
  __u8 kind;
  __u8 ecn;
};

static __always_inline int Count(enum DecapCounter counter, int action) {
  __u32 key = counter;
  __u64* value = bpf_map_lookup_elem(&counters, &key);
  if (value) *value += 1;
  return action;
}

static __always_inline void CountVip(const __u32* place, __u32 bytes) {
  struct DecapVipCount* count = bpf_map_lookup_elem(&vip_counts, place);
  if (!count) return;
  count->packets += 1;
  count->bytes += bytes;
}

static __always_inline void MapIpv4(struct DecapAddress* out, __be32 address) {
  __builtin_memset(out, 0, sizeof(*out));
  out->bytes[10] = 0xff;
  out->bytes[11] = 0xff;
  __builtin_memcpy(&out->bytes[12], &address, 4);
}

static __always_inline __u32 Fold(__u32 sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  return (sum & 0xffff) + (sum >> 16);
}

static __always_inline int HeaderChecksumIsGood(const struct iphdr* ip) {
  const __u16* word = (const __u16*)ip;
  __u32 sum = 0;
#pragma unroll
  for (int i = 0; i < 10; ++i) sum += word[i];
  return Fold(sum) == 0xffff;
}

/* Whether it may be GUE: only then may its damage be judged here. */
static __always_inline int IsGuePort(void* at, void* end) {
  struct udphdr* udp = at;
  __u32 key = 0;
  __u32* port = bpf_map_lookup_elem(&gue_port, &key);

  if ((void*)(udp + 1) > end || !port || !*port) return 0;
  return udp->dest == bpf_htons((__u16)*port);
}

static __always_inline int IsTunnel(__u8 next, void* at, void* end) {
  if (next == IPPROTO_IPIP || next == IPPROTO_IPV6 || next == IPPROTO_GRE) return 1;
  return next == IPPROTO_UDP && IsGuePort(at, end);
}

static __always_inline void ReadGre(void* at, void* end, struct Outer* out) {
  struct Gre* gre = at;

  out->counter = kDropOuter;
  if ((void*)(gre + 1) > end || out->payload < sizeof(*gre)) return;
  /* Keys, checksums and other payloads are for the kernel's own tunnels. */
  out->counter = kPass;
  if (gre->flags) return;
  if (gre->protocol != bpf_htons(ETH_P_IP) && gre->protocol != bpf_htons(ETH_P_IPV6)) return;
  out->inner6 = gre->protocol == bpf_htons(ETH_P_IPV6);
  out->kind = kGre;
  out->shift += sizeof(*gre);
  out->payload -= sizeof(*gre);
  out->counter = kDecapCounterCount;
}

static __always_inline void ReadGue(void* at, void* end, struct Outer* out) {
  struct udphdr* udp = at;
  struct Gue* gue = (void*)(udp + 1);

  out->counter = kDropOuter;
  if ((void*)(gue + 1) > end) return;
  __u32 length = bpf_ntohs(udp->len);
  if (length < sizeof(*udp) + sizeof(*gue) || length > out->payload) return;
  out->counter = kPass;
  out->shift += sizeof(*udp);
  out->payload = length - sizeof(*udp);
  switch (gue->variant_length >> 4) {
    case 4: /* variant 1: the version of IP begins with the same bits */
    case 6:
      out->inner6 = gue->variant_length >> 4 == 6;
      out->kind = kGueV1;
      break;
    case 0:
      /* Control messages and extensions are nothing that a balancer sends. */
      if (gue->variant_length || gue->flags) return;
      if (gue->protocol != IPPROTO_IPIP && gue->protocol != IPPROTO_IPV6) return;
      out->inner6 = gue->protocol == IPPROTO_IPV6;
      out->kind = kGue;
      out->shift += sizeof(*gue);
      out->payload -= sizeof(*gue);
      break;
    default:
      return;
  }
  out->counter = kDecapCounterCount;
}

/* What stands between the outer IP header, which ends at `at`, and the inner packet. */
static __always_inline void ReadShim(void* at, void* end, struct Outer* out) {
  if (out->next == IPPROTO_GRE) {
    ReadGre(at, end, out);
  } else if (out->next == IPPROTO_UDP) {
    ReadGue(at, end, out);
  } else {
    out->inner6 = out->next == IPPROTO_IPV6;
    out->kind = kIpip;
    out->counter = kDecapCounterCount;
  }
}

static __always_inline void ReadOuter4(void* data, void* end, struct Outer* out) {
  struct iphdr* ip = data + sizeof(struct ethhdr);
  struct DecapAddress destination;

  out->counter = kPass;
  if ((void*)(ip + 1) > end) return;
  /* Outer headers with options are nothing that a balancer sends. */
  if (ip->version != 4 || ip->ihl != 5) return;
  int fragment = (ip->frag_off & bpf_htons(kMoreFragments | kFragmentOffset)) != 0;
  /* The ports of a fragment may be anything. */
  if (ip->protocol == IPPROTO_UDP && fragment) return;
  if (!IsTunnel(ip->protocol, ip + 1, end)) return;
  MapIpv4(&destination, ip->daddr);
  if (!bpf_map_lookup_elem(&addresses, &destination)) return;

  out->counter = kPassFragment;
  if (fragment) return;

  __u32 total = bpf_ntohs(ip->tot_len);
  out->counter = kDropOuter;
  if (!HeaderChecksumIsGood(ip) || total < sizeof(*ip)) return;
  if (total > (__u32)(end - (void*)ip)) return;

  out->shift = sizeof(*ip);
  out->payload = total - sizeof(*ip);
  out->next = ip->protocol;
  out->ecn = ip->tos & 3;
  ReadShim(ip + 1, end, out);
}

static __always_inline void ReadOuter6(void* data, void* end, struct Outer* out) {
  struct ipv6hdr* ip = data + sizeof(struct ethhdr);
  struct DecapAddress destination;

  out->counter = kPass;
  if ((void*)(ip + 1) > end) return;
  if (ip->version != 6) return;
  if (!IsTunnel(ip->nexthdr, ip + 1, end)) return;
  __builtin_memcpy(&destination, &ip->daddr, sizeof(destination));
  if (!bpf_map_lookup_elem(&addresses, &destination)) return;

  out->counter = kDropOuter;
  out->payload = bpf_ntohs(ip->payload_len);
  if (out->payload > (__u32)(end - (void*)(ip + 1))) return;

  out->outer6 = 1;
  out->shift = sizeof(*ip);
  out->next = ip->nexthdr;
  out->ecn = (ip->flow_lbl[0] >> 4) & 3;
  ReadShim(ip + 1, end, out);
}

static __always_inline enum DecapCounter Opened(const struct Outer* outer) {
  return (enum DecapCounter)(4 * outer->kind + 2 * outer->outer6 + outer->inner6);
}

/* RFC 6040 4.2. Returns the inner packet's new ECN field, or -1: drop. */
static __always_inline int CombineEcn(__u8 outer, __u8 inner) {
  if (outer == kCe) return inner == kNotEct ? -1 : kCe;
  if (outer == kEct1 && inner == kEct0) return kEct1;
  return inner;
}

static __always_inline enum DecapCounter OpenInner4(void* inner, void* end,
                                                    const struct Outer* outer) {
  struct iphdr* ip = inner;
  struct DecapPrefix destination = {.length = 128};

  if ((void*)(ip + 1) > end || outer->payload < sizeof(*ip)) return kDropInner;
  __u32 total = bpf_ntohs(ip->tot_len);
  if (ip->version != 4 || ip->ihl < 5) return kDropInner;
  if (total < ip->ihl * 4U || total > outer->payload) return kDropInner;
  MapIpv4(&destination.address, ip->daddr);
  const __u32* place = bpf_map_lookup_elem(&vips, &destination);
  if (!place) return kPassNotVip;

  int ecn = CombineEcn(outer->ecn, ip->tos & 3);
  if (ecn < 0) return kDropEcn;
  if (ecn != (ip->tos & 3)) {
    __u16* word = inner; /* version, header length and TOS */
    __u16 before = *word;
    ip->tos = (ip->tos & ~3) | ecn;
    /* RFC 1624, eqn. 3 */
    ip->check = ~Fold((__u16)~ip->check + (__u16)~before + *word);
  }
  CountVip(place, total);
  return Opened(outer);
}

static __always_inline enum DecapCounter OpenInner6(void* inner, void* end,
                                                    const struct Outer* outer) {
  struct ipv6hdr* ip = inner;
  struct DecapPrefix destination = {.length = 128};

  if ((void*)(ip + 1) > end || outer->payload < sizeof(*ip)) return kDropInner;
  if (ip->version != 6) return kDropInner;
  if (bpf_ntohs(ip->payload_len) > outer->payload - sizeof(*ip)) return kDropInner;
  __builtin_memcpy(&destination.address, &ip->daddr, sizeof(destination.address));
  const __u32* place = bpf_map_lookup_elem(&vips, &destination);
  if (!place) return kPassNotVip;

  int ecn = CombineEcn(outer->ecn, (ip->flow_lbl[0] >> 4) & 3);
  if (ecn < 0) return kDropEcn;
  ip->flow_lbl[0] = (ip->flow_lbl[0] & 0xcf) | (ecn << 4);
  CountVip(place, sizeof(*ip) + bpf_ntohs(ip->payload_len));
  return Opened(outer);
}

/* A checksum whose packet had `count` words of its addresses changed (RFC 1624, eqn. 3). */
static __always_inline __u16 Updated(__u16 checksum, const __u16* before, const __u16* after,
                                     int count) {
  __u32 sum = (__u16)~checksum;
#pragma unroll
  for (int i = 0; i < count; ++i) sum += (__u16)~before[i] + after[i];
  return ~Fold(sum);
}

/* The TCP, UDP or ICMPv6 checksum of a packet whose destination changes. 0: the header is cut. */
static __always_inline int UpdateL4(__u8 protocol, void* at, void* end, const __u16* before,
                                    const __u16* after, int count) {
  if (protocol == IPPROTO_TCP) {
    struct tcphdr* tcp = at;
    if ((void*)(tcp + 1) > end) return 0;
    tcp->check = Updated(tcp->check, before, after, count);
  } else if (protocol == IPPROTO_UDP) {
    struct udphdr* udp = at;
    if ((void*)(udp + 1) > end) return 0;
    if (!udp->check) return 1;
    udp->check = Updated(udp->check, before, after, count);
    if (!udp->check) udp->check = 0xffff;
  } else if (protocol == IPPROTO_ICMPV6) {
    struct icmp6hdr* icmp = at;
    if ((void*)(icmp + 1) > end) return 0;
    icmp->icmp6_cksum = Updated(icmp->icmp6_cksum, before, after, count);
  }
  return 1;
}

static __always_inline const struct DecapAddress* VipOf(__u32 place) {
  const struct DecapAddress* vip = bpf_map_lookup_elem(&dscps, &place);
  if (!vip) return 0;
  __u64 words[2];
  __builtin_memcpy(words, vip, sizeof(words));
  return words[0] | words[1] ? vip : 0;
}

/* In the count of the VIP that an L3DSR packet was given back, if it is one of `vips`. */
static __always_inline void CountGivenBack(const struct DecapAddress* vip, __u32 bytes) {
  struct DecapPrefix key = {.length = 128};
  key.address = *vip;
  const __u32* place = bpf_map_lookup_elem(&vips, &key);
  if (place) CountVip(place, bytes);
}

/* L3DSR. The DSCP told the VIP and ends here; the ECN field stays. kPass: it is none. */
static __always_inline enum DecapCounter GiveVipBack4(struct iphdr* ip, void* end) {
  struct DecapAddress destination;
  __u16 before[2], after[2];

  if ((void*)(ip + 1) > end || ip->version != 4 || ip->ihl < 5 || ip->tos < 4) return kPass;
  const struct DecapAddress* vip = VipOf(ip->tos >> 2);
  if (!vip) return kPass;
  MapIpv4(&destination, ip->daddr);
  if (!bpf_map_lookup_elem(&addresses, &destination)) return kPass;
  if (ip->frag_off & bpf_htons(kMoreFragments | kFragmentOffset)) return kPassFragment;
  __builtin_memcpy(before, &ip->daddr, 4);
  __builtin_memcpy(after, &vip->bytes[12], 4);
  if (!UpdateL4(ip->protocol, (void*)ip + ip->ihl * 4, end, before, after, 2)) return kDropInner;
  __u16 first_before = *(__u16*)ip; /* version, header length and TOS */
  ip->tos &= 3;
  __u16 first_after = *(__u16*)ip;
  __builtin_memcpy(&ip->daddr, after, 4);
  ip->check = Updated(Updated(ip->check, before, after, 2), &first_before, &first_after, 1);
  CountGivenBack(vip, bpf_ntohs(ip->tot_len));
  return kL3dsr4;
}

static __always_inline enum DecapCounter GiveVipBack6(struct ipv6hdr* ip, void* end) {
  struct DecapAddress destination;
  __u16 after[8];

  if ((void*)(ip + 1) > end || ip->version != 6) return kPass;
  __u32 dscp = (__u32)(ip->priority << 2) | ip->flow_lbl[0] >> 6;
  if (!dscp) return kPass;
  const struct DecapAddress* vip = VipOf(DECAP_DSCPS + (dscp & (DECAP_DSCPS - 1)));
  if (!vip) return kPass;
  __builtin_memcpy(&destination, &ip->daddr, sizeof(destination));
  if (!bpf_map_lookup_elem(&addresses, &destination)) return kPass;
  __builtin_memcpy(after, vip, sizeof(after));
  if (ip->nexthdr == IPPROTO_FRAGMENT) return kPassFragment;
  if (!UpdateL4(ip->nexthdr, ip + 1, end, (const __u16*)&destination, after, 8)) return kDropInner;
  __builtin_memcpy(&ip->daddr, after, sizeof(after));
  ip->priority = 0;
  ip->flow_lbl[0] &= 0x3f;
  CountGivenBack(vip, sizeof(*ip) + bpf_ntohs(ip->payload_len));
  return kL3dsr6;
}

SEC("xdp") EXPORT int flyover_decap(struct xdp_md* ctx) {
  void* data = (void*)(long)ctx->data;
  void* end = (void*)(long)ctx->data_end;
  struct ethhdr* ethernet = data;
  struct ethhdr header;
  struct Outer outer = {};
  enum DecapCounter done;

  if ((void*)(ethernet + 1) > end) return Count(kPass, XDP_PASS);
  header = *ethernet;
  if (header.h_proto == bpf_htons(ETH_P_IP)) {
    ReadOuter4(data, end, &outer);
    if (outer.counter == kPass) outer.counter = GiveVipBack4((void*)(ethernet + 1), end);
  } else if (header.h_proto == bpf_htons(ETH_P_IPV6)) {
    ReadOuter6(data, end, &outer);
    if (outer.counter == kPass) outer.counter = GiveVipBack6((void*)(ethernet + 1), end);
  } else {
    return Count(kPass, XDP_PASS);
  }
  if (outer.counter != kDecapCounterCount) {
    return Count(outer.counter, outer.counter >= kDropOuter ? XDP_DROP : XDP_PASS);
  }

  /* The bound lets the verifier see the offset. */
  __u32 shift = outer.shift & 63;
  void* inner = data + sizeof(struct ethhdr) + shift;
  if (outer.inner6) {
    done = OpenInner6(inner, end, &outer);
    header.h_proto = bpf_htons(ETH_P_IPV6);
  } else {
    done = OpenInner4(inner, end, &outer);
    header.h_proto = bpf_htons(ETH_P_IP);
  }
  if (done == kPassNotVip) return Count(done, XDP_PASS);
  if (done >= kDropOuter) return Count(done, XDP_DROP);

  if (bpf_xdp_adjust_head(ctx, (int)shift)) return Count(kDropAdjust, XDP_DROP);
  data = (void*)(long)ctx->data;
  end = (void*)(long)ctx->data_end;
  ethernet = data;
  if ((void*)(ethernet + 1) > end) return Count(kDropAdjust, XDP_DROP);
  /* In generic mode the kernel looks at this EtherType again and corrects the protocol of its
   * packet. */
  *ethernet = header;
  return Count(done, XDP_PASS);
}

char LICENSE[] SEC("license") EXPORT = "Dual BSD/GPL";
