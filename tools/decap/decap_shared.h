/* What the eBPF program (C) and its loader (C++) agree on. */
#pragma once

#include <linux/types.h>

/* Key of both address maps: an IPv6 address, or an IPv4 address as ::ffff:a.b.c.d, in network
 * order. */
struct DecapAddress {
  __u8 bytes[16];
};

#define DECAP_MAX_ADDRESSES 4096

/* X(enumerator, label, help): every packet the program sees adds one to exactly one of these. */
#define DECAP_COUNTERS(X)                                                                 \
  X(kDecap4in4, "decap_4in4", "outer IPv4 header taken off an IPv4 packet")               \
  X(kDecap6in4, "decap_6in4", "outer IPv4 header taken off an IPv6 packet")               \
  X(kDecap4in6, "decap_4in6", "outer IPv6 header taken off an IPv4 packet")               \
  X(kDecap6in6, "decap_6in6", "outer IPv6 header taken off an IPv6 packet")               \
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
