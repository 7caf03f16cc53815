"""Route tables of the size and shape of the Internet's: prefixes as pairs (first address as a number, length).

synthetic()  made from a seed, with the share of every length as in a full table
derived()    from the ranges of the npm package @ip-location-db/asn (tests/labs/fetch_prefixes fetches it), with seeded
             more-specifics up to the number wanted. Derived, not real: the ranges are disjoint, who announces what is
             not in them, and the more-specifics are made up.
"""

import bisect
import csv
import ipaddress
import itertools
import pathlib
import random
import socket

BITS = {4: 32, 6: 128}
LONGEST = {4: 24, 6: 48}  # what the Internet accepts
# Share of the lengths in a full table, in thousandths (rounded from public views of the table).
SHARE = {
    4: {8: 0.02, 10: 0.04, 11: 0.1, 12: 0.3, 13: 0.6, 14: 1.2, 15: 2, 16: 13, 17: 8, 18: 13, 19: 24, 20: 42, 21: 50,
        22: 110, 23: 100, 24: 600, 25: 6, 26: 6, 27: 6, 28: 4, 29: 4, 30: 2, 32: 8},
    6: {20: 0.1, 24: 0.2, 28: 0.8, 29: 20, 30: 3, 31: 1, 32: 110, 33: 20, 34: 20, 35: 10, 36: 50, 38: 10, 40: 80,
        42: 10, 44: 110, 45: 8, 46: 25, 47: 20, 48: 470, 56: 10, 64: 20, 128: 2},
}
# Not to be routed here: the labs' own networks and what no router forwards.
RESERVED = {
    4: [ipaddress.ip_network(n) for n in ("0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")],
    6: [ipaddress.ip_network(n) for n in ("2001:db8::/32", "::/3", "4000::/2", "8000::/1")],
}


def _allowed(family):
    bad = [(int(n.network_address), int(n.broadcast_address)) for n in RESERVED[family]]

    def allowed(base, length):
        last = base | ((1 << (BITS[family] - length)) - 1)
        return not any(base <= b and a <= last for a, b in bad)
    return allowed


def synthetic(family, count, seed):
    """`count` different prefixes."""
    dice = random.Random(seed * 10 + family)
    bits, allowed = BITS[family], _allowed(family)
    lengths = list(SHARE[family])
    bounds = list(itertools.accumulate(SHARE[family].values()))
    found = set()
    while len(found) < count:
        length = lengths[bisect.bisect(bounds, dice.random() * bounds[-1])]
        # IPv6: the registries' blocks are few, and the prefixes inside them many.
        base = dice.getrandbits(bits) if family == 4 else (
            (0x2400 + dice.randrange(0x800)) << 112 | dice.getrandbits(10) << 102 | dice.getrandbits(102))
        base = base >> (bits - length) << (bits - length)
        if allowed(base, length):
            found.add((base, length))
    return sorted(found)


def _split(first, last, bits):
    """A range as the fewest prefixes."""
    while first <= last:
        size = min(first & -first if first else 1 << bits, 1 << ((last - first + 1).bit_length() - 1))
        yield first, bits - size.bit_length() + 1
        first += size


def derived(family, count, seed, folder):
    """`count` prefixes: those of the package's ranges, up to the length that the Internet accepts, then more-specifics."""
    dice = random.Random(seed * 10 + family)
    bits, longest, allowed = BITS[family], LONGEST[family], _allowed(family)
    found = set()
    with open(pathlib.Path(folder) / f"asn-ipv{family}.csv", encoding="utf-8") as file:
        for first, last, *_ in csv.reader(file):
            for base, length in _split(int(ipaddress.ip_address(first)), int(ipaddress.ip_address(last)), bits):
                if length <= longest and allowed(base, length):
                    found.add((base, length))
    ranges = sorted(found)
    if len(ranges) > count:
        return sorted(dice.sample(ranges, count))
    covers = [p for p in ranges if p[1] < longest]
    while len(found) < count:
        base, length = dice.choice(covers)
        longer = longest if dice.random() < 0.6 else dice.randrange(length + 1, longest + 1)
        found.add((base | dice.getrandbits(longer - length) << (bits - longer), longer))
    return sorted(found)


def text(family, prefix):
    base, length = prefix
    return f"{address(family, base)}/{length}"


def address(family, number):
    return socket.inet_ntop(socket.AF_INET if family == 4 else socket.AF_INET6, number.to_bytes(BITS[family] // 8, "big"))


def destinations(family, prefixes, count, seed):
    """Addresses inside the prefixes: half of them from all alike, half Zipf (the k-th prefix of a shuffled list with
    weight 1/k)."""
    dice = random.Random(seed * 10 + family)
    ranked = list(prefixes)
    dice.shuffle(ranked)
    found = []
    for i in range(count):
        base, length = dice.choice(prefixes) if i % 2 else ranked[int(len(ranked) ** dice.random()) - 1]
        found.append(address(family, base | dice.getrandbits(BITS[family] - length) if length < BITS[family] else base))
    return found
