/* What the eBPF program (C) and its loader (C++) agree on. */
#pragma once

#include <linux/types.h>

/* An IPv6 address, or an IPv4 address as ::ffff:a.b.c.d, in network
 * order. */
struct DecapAddress {
  __u8 bytes[16];
};

/* Key of the VIPs, a longest-prefix map: `length` leading bits of `address`, 96 more than those of
 * IPv4. */
struct DecapPrefix {
  __u32 length;
  struct DecapAddress address;
};

/* Value of the map of VIPs: the place of its counts in `vip_counts`. */
struct DecapVipCount {
  __u64 packets;
  __u64 bytes; /* of the inner IP packets */
};

#define DECAP_MAX_ADDRESSES 4096
/* Places of the array `dscps`: the VIP for each DSCP, of IPv4 in the first half. All zero: none. */
#define DECAP_DSCPS 64
#define DECAP_DSCP_PLACES (2 * DECAP_DSCPS)

/* X(enumerator, label, help): every packet the program sees adds one to exactly one of these. The
 * first sixteen are four kinds of tunnel, each in the order 4in4, 6in4, 4in6, 6in6. */
#define DECAP_COUNTERS(X)                                                                 \
  X(kDecap4in4, "decap_4in4", "outer IPv4 header taken off an IPv4 packet")               \
  X(kDecap6in4, "decap_6in4", "outer IPv4 header taken off an IPv6 packet")               \
  X(kDecap4in6, "decap_4in6", "outer IPv6 header taken off an IPv4 packet")               \
  X(kDecap6in6, "decap_6in6", "outer IPv6 header taken off an IPv6 packet")               \
  X(kGre4in4, "gre_4in4", "GRE over IPv4 taken off an IPv4 packet")                       \
  X(kGre6in4, "gre_6in4", "GRE over IPv4 taken off an IPv6 packet")                       \
  X(kGre4in6, "gre_4in6", "GRE over IPv6 taken off an IPv4 packet")                       \
  X(kGre6in6, "gre_6in6", "GRE over IPv6 taken off an IPv6 packet")                       \
  X(kGue4in4, "gue_4in4", "GUE (variant 0) over IPv4 taken off an IPv4 packet")           \
  X(kGue6in4, "gue_6in4", "GUE (variant 0) over IPv4 taken off an IPv6 packet")           \
  X(kGue4in6, "gue_4in6", "GUE (variant 0) over IPv6 taken off an IPv4 packet")           \
  X(kGue6in6, "gue_6in6", "GUE (variant 0) over IPv6 taken off an IPv6 packet")           \
  X(kGueV1_4in4, "gue1_4in4", "GUE (variant 1) over IPv4 taken off an IPv4 packet")       \
  X(kGueV1_6in4, "gue1_6in4", "GUE (variant 1) over IPv4 taken off an IPv6 packet")       \
  X(kGueV1_4in6, "gue1_4in6", "GUE (variant 1) over IPv6 taken off an IPv4 packet")       \
  X(kGueV1_6in6, "gue1_6in6", "GUE (variant 1) over IPv6 taken off an IPv6 packet")       \
  X(kL3dsr4, "l3dsr_4", "IPv4 packet given back the VIP of its DSCP")                     \
  X(kL3dsr6, "l3dsr_6", "IPv6 packet given back the VIP of its DSCP")                     \
  X(kPass, "pass", "no tunnel packet to one of the addresses: left to the kernel")        \
  X(kPassFragment, "pass_fragment", "fragment of a tunnel packet: left to the kernel")    \
  X(kPassNotVip, "pass_not_vip", "tunnelled packet to no VIP: left to the kernel")        \
  X(kDropOuter, "drop_outer", "outer header with a bad checksum or length")               \
  X(kDropInner, "drop_inner", "inner packet cut short, or not of the family announced")   \
  X(kDropEcn, "drop_ecn", "congestion mark on a packet that knows no ECN (RFC 6040 4.2)") \
  X(kDropAdjust, "drop_adjust", "the driver could not move the start of the packet")

enum DecapCounter {
#define X(name, label, help) name,
  DECAP_COUNTERS(X)
#undef X
      kDecapCounterCount,
};
