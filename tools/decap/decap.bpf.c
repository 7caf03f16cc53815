/* Takes the outer header off IP-in-IP packets, so that a Linux backend accepts tunnelled traffic
 * without a tunnel device: 4in4 (RFC 2003), 6in4 (RFC 4213), 4in6 and 6in6 (RFC 2473), ECN after
 * RFC 6040 4.2.
 *
 * A packet is opened only when its outer destination is in `addresses` and its inner destination is
 * in `vips`; every other sound packet goes on to the kernel as it came. Nothing is read beyond the
 * packet: each header is compared with data_end before it is touched, and each length field with
 * the one around it. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tools/decap/decap_shared.h"

#define EXPORT __attribute__((visibility("default"), used))

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, DECAP_MAX_ADDRESSES);
  __type(key, struct DecapAddress);
  __type(value, __u8);
} addresses SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, DECAP_MAX_ADDRESSES);
  __type(key, struct DecapAddress);
  __type(value, __u8);
} vips SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, kDecapCounterCount);
  __type(key, __u32);
  __type(value, __u64);
} counters SEC(".maps");

enum { kMoreFragments = 0x2000, kFragmentOffset = 0x1fff };
enum { kNotEct = 0, kEct1 = 1, kEct0 = 2, kCe = 3 };

/* The outer header, or the verdict that ends the packet's way when `counter` is not
 * kDecapCounterCount. */
struct Outer {
  enum DecapCounter counter;
  __u32 header;  /* bytes */
  __u32 payload; /* bytes after the header, as the header says */
  __u8 next;     /* IPPROTO_IPIP or IPPROTO_IPV6 */
  __u8 ecn;
};

static __always_inline int Count(enum DecapCounter counter, int action) {
  __u32 key = counter;
  __u64* value = bpf_map_lookup_elem(&counters, &key);
  if (value) *value += 1;
  return action;
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

static __always_inline void ReadOuter4(void* data, void* end, struct Outer* out) {
  struct iphdr* ip = data + sizeof(struct ethhdr);
  struct DecapAddress destination;

  out->counter = kPass;
  if ((void*)(ip + 1) > end) return;
  /* Outer headers with options are nothing that a balancer sends. */
  if (ip->version != 4 || ip->ihl != 5) return;
  if (ip->protocol != IPPROTO_IPIP && ip->protocol != IPPROTO_IPV6) return;
  MapIpv4(&destination, ip->daddr);
  if (!bpf_map_lookup_elem(&addresses, &destination)) return;

  out->counter = kPassFragment;
  if (ip->frag_off & bpf_htons(kMoreFragments | kFragmentOffset)) return;

  __u32 total = bpf_ntohs(ip->tot_len);
  out->counter = kDropOuter;
  if (!HeaderChecksumIsGood(ip) || total < sizeof(*ip)) return;
  if (total > (__u32)(end - (void*)ip)) return;

  out->counter = kDecapCounterCount;
  out->header = sizeof(*ip);
  out->payload = total - sizeof(*ip);
  out->next = ip->protocol;
  out->ecn = ip->tos & 3;
}

static __always_inline void ReadOuter6(void* data, void* end, struct Outer* out) {
  struct ipv6hdr* ip = data + sizeof(struct ethhdr);
  struct DecapAddress destination;

  out->counter = kPass;
  if ((void*)(ip + 1) > end) return;
  if (ip->version != 6) return;
  if (ip->nexthdr != IPPROTO_IPIP && ip->nexthdr != IPPROTO_IPV6) return;
  __builtin_memcpy(&destination, &ip->daddr, sizeof(destination));
  if (!bpf_map_lookup_elem(&addresses, &destination)) return;

  out->counter = kDropOuter;
  out->payload = bpf_ntohs(ip->payload_len);
  if (out->payload > (__u32)(end - (void*)(ip + 1))) return;

  out->counter = kDecapCounterCount;
  out->header = sizeof(*ip);
  out->next = ip->nexthdr;
  out->ecn = (ip->flow_lbl[0] >> 4) & 3;
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
  struct DecapAddress destination;

  if ((void*)(ip + 1) > end || outer->payload < sizeof(*ip)) return kDropInner;
  __u32 total = bpf_ntohs(ip->tot_len);
  if (ip->version != 4 || ip->ihl < 5) return kDropInner;
  if (total < ip->ihl * 4U || total > outer->payload) return kDropInner;
  MapIpv4(&destination, ip->daddr);
  if (!bpf_map_lookup_elem(&vips, &destination)) return kPassNotVip;

  int ecn = CombineEcn(outer->ecn, ip->tos & 3);
  if (ecn < 0) return kDropEcn;
  if (ecn != (ip->tos & 3)) {
    __u16* word = inner; /* version, header length and TOS */
    __u16 before = *word;
    ip->tos = (ip->tos & ~3) | ecn;
    /* RFC 1624, eqn. 3 */
    ip->check = ~Fold((__u16)~ip->check + (__u16)~before + *word);
  }
  return outer->header == sizeof(struct iphdr) ? kDecap4in4 : kDecap4in6;
}

static __always_inline enum DecapCounter OpenInner6(void* inner, void* end,
                                                    const struct Outer* outer) {
  struct ipv6hdr* ip = inner;
  struct DecapAddress destination;

  if ((void*)(ip + 1) > end || outer->payload < sizeof(*ip)) return kDropInner;
  if (ip->version != 6) return kDropInner;
  if (bpf_ntohs(ip->payload_len) > outer->payload - sizeof(*ip)) return kDropInner;
  __builtin_memcpy(&destination, &ip->daddr, sizeof(destination));
  if (!bpf_map_lookup_elem(&vips, &destination)) return kPassNotVip;

  int ecn = CombineEcn(outer->ecn, (ip->flow_lbl[0] >> 4) & 3);
  if (ecn < 0) return kDropEcn;
  ip->flow_lbl[0] = (ip->flow_lbl[0] & 0xcf) | (ecn << 4);
  return outer->header == sizeof(struct iphdr) ? kDecap6in4 : kDecap6in6;
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
  } else if (header.h_proto == bpf_htons(ETH_P_IPV6)) {
    ReadOuter6(data, end, &outer);
  } else {
    return Count(kPass, XDP_PASS);
  }
  if (outer.counter != kDecapCounterCount) {
    return Count(outer.counter, outer.counter == kDropOuter ? XDP_DROP : XDP_PASS);
  }

  /* The two constants let the verifier see the offset. */
  void* inner =
      data + sizeof(struct ethhdr) +
      (outer.header == sizeof(struct iphdr) ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
  if (outer.next == IPPROTO_IPIP) {
    done = OpenInner4(inner, end, &outer);
    header.h_proto = bpf_htons(ETH_P_IP);
  } else {
    done = OpenInner6(inner, end, &outer);
    header.h_proto = bpf_htons(ETH_P_IPV6);
  }
  if (done == kPassNotVip) return Count(done, XDP_PASS);
  if (done >= kDropOuter) return Count(done, XDP_DROP);

  if (bpf_xdp_adjust_head(ctx, (int)outer.header)) return Count(kDropAdjust, XDP_DROP);
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
