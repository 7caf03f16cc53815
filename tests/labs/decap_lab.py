#!/usr/bin/python3
"""flyover-decap alone: made packets of every kind, whole and damaged, and what its counters say.

A sender with scapy, a backend with the program on its interface, no data plane between. Each row sends one packet,
expects exactly one counter to grow by one, and, for the good ones, the inner packet to arrive byte for byte.
"""

import json
import socket

from scapy.all import GRE, IP, TCP, UDP, IPOption_NOP, Ether, IPv6, IPv6ExtHdrFragment, Raw, conf

from lab import netns, paths, runner, wait
from lab.node import Node

ME4, ME6 = "10.2.0.1", "2001:db8:2::1"
BACKEND4, BACKEND6 = "10.2.0.11", "2001:db8:2::11"
VIP4, VIP6 = "192.0.2.2", "2001:db8:100::2"
PREFIX4, PREFIX6 = "203.0.113.0/24", "2001:db8:101::/64"
PORT = 5353
GUE_PORT = 6080
# DSCP -> VIP, of L3DSR.
DSCP4, DSCP6 = 9, 33


def outer4(payload, **fields):
    return IP(src=ME4, dst=BACKEND4, proto=41 if isinstance(payload, IPv6) else 4, **fields) / payload


def outer6(payload, **fields):
    return IPv6(src=ME6, dst=BACKEND6, nh=41 if isinstance(payload, IPv6) else 4, **fields) / payload


def carried(payload, outer6=False, **fields):
    """An outer IP header around `payload`, which names its own protocol."""
    return (IPv6(src=ME6, dst=BACKEND6, **fields) if outer6 else IP(src=ME4, dst=BACKEND4, **fields)) / payload


def gre(inner, outer6=False, tc=0, **fields):
    how = {"tc": tc} if outer6 else {"tos": tc}
    proto = 0x86DD if isinstance(inner, IPv6) else 0x0800
    return carried(GRE(**{"proto": proto, **fields}) / inner, outer6, **how)


def gue(inner, outer6=False, variant=0, tc=0, header=None, **udp):
    """Without a UDP checksum, as the balancer sends it; over IPv6 too (RFC 6935)."""
    how = {"tc": tc} if outer6 else {"tos": tc}
    if header is None:
        header = bytes([0, 41 if isinstance(inner, IPv6) else 4, 0, 0]) if variant == 0 else b""
    return carried(UDP(**{"sport": 50000, "dport": GUE_PORT, "chksum": 0, **udp}) / Raw(header + bytes(inner)), outer6,
                   **how)


def l3dsr4(text=b"l3dsr4", l4=None, **fields):
    l4 = l4 or UDP(sport=1000, dport=PORT)
    return IP(**{"src": "10.1.0.2", "dst": BACKEND4, "tos": DSCP4 << 2, **fields}) / l4 / Raw(text)


def l3dsr6(text=b"l3dsr6", l4=None, **fields):
    l4 = l4 or UDP(sport=1000, dport=PORT)
    return IPv6(**{"src": "2001:db8:1::2", "dst": BACKEND6, "tc": DSCP6 << 2, **fields}) / l4 / Raw(text)


def inner4(text=b"four", **fields):
    return IP(**{"src": "10.1.0.2", "dst": VIP4, **fields}) / UDP(sport=1000, dport=PORT) / Raw(text)


def inner6(text=b"six", **fields):
    return IPv6(**{"src": "2001:db8:1::2", "dst": VIP6, **fields}) / UDP(sport=1000, dport=PORT) / Raw(text)


def cut(packet, size):
    """The first `size` bytes: the length fields still promise the whole packet."""
    return bytes(packet)[:size]


def honest(packet, size):
    """Cut, with an outer IPv4 length that agrees, so that only the inner packet is damaged."""
    short = IP(bytes(packet)[:size])
    short.len = size
    del short.chksum
    return bytes(short)


def patched(packet, offset, value):
    data = bytearray(bytes(packet))
    data[offset] = value
    return bytes(data)


ROWS = [
    # name, packet (L3), counter, delivered text or None
    ("4in4", outer4(inner4()), "decap_4in4", b"four"),
    ("6in4", outer4(inner6()), "decap_6in4", b"six"),
    ("4in6", outer6(inner4()), "decap_4in6", b"four"),
    ("6in6", outer6(inner6()), "decap_6in6", b"six"),
    ("4in4 of 1,480 bytes", outer4(inner4(b"x" * 1452)), "decap_4in4", b"x" * 1452),
    ("6in6 of 1,460 bytes", outer6(inner6(b"y" * 1412)), "decap_6in6", b"y" * 1412),
    ("4in4 to a prefix", outer4(inner4(b"prefix4", dst="203.0.113.77")), "decap_4in4", b"prefix4"),
    ("6in4 to a prefix", outer4(inner6(b"prefix6", dst="2001:db8:101::77")), "decap_6in4", b"prefix6"),
    ("4in6 beside the prefix", outer6(inner4(dst="203.0.114.0")), "pass_not_vip", None),
    ("6in6 beside the prefix", outer6(inner6(dst="2001:db8:101:1::")), "pass_not_vip", None),
    ("GRE 4in4", gre(inner4(b"gre44")), "gre_4in4", b"gre44"),
    ("GRE 6in4", gre(inner6(b"gre64")), "gre_6in4", b"gre64"),
    ("GRE 4in6", gre(inner4(b"gre46"), True), "gre_4in6", b"gre46"),
    ("GRE 6in6", gre(inner6(b"gre66"), True), "gre_6in6", b"gre66"),
    ("GUE 4in4", gue(inner4(b"gue44")), "gue_4in4", b"gue44"),
    ("GUE 6in4", gue(inner6(b"gue64")), "gue_6in4", b"gue64"),
    ("GUE 4in6", gue(inner4(b"gue46"), True), "gue_4in6", b"gue46"),
    ("GUE 6in6", gue(inner6(b"gue66"), True), "gue_6in6", b"gue66"),
    ("GUE variant 1, 4in4", gue(inner4(b"guv44"), variant=1), "gue1_4in4", b"guv44"),
    ("GUE variant 1, 6in4", gue(inner6(b"guv64"), variant=1), "gue1_6in4", b"guv64"),
    ("GUE variant 1, 4in6", gue(inner4(b"guv46"), True, 1), "gue1_4in6", b"guv46"),
    ("GUE variant 1, 6in6", gue(inner6(b"guv66"), True, 1), "gue1_6in6", b"guv66"),
    ("GRE: congestion mark handed in", gre(inner4(b"ceg4", tos=2), tc=3), "gre_4in4", b"ceg4"),
    ("GUE: congestion mark handed in, IPv6", gue(inner6(b"ceu6", tc=2), True, tc=3), "gue_6in6", b"ceu6"),
    ("GRE: congestion mark, inner knows no ECN", gre(inner4(), tc=3), "drop_ecn", None),
    ("GRE with a key", gre(inner4(), key_present=1, key=7), "pass", None),
    ("GRE with a checksum", gre(inner4(), chksum_present=1), "pass", None),
    ("GRE with a sequence number", gre(inner4(), seqnum_present=1), "pass", None),
    ("GRE of Ethernet", gre(inner4(), proto=0x6558), "pass", None),
    ("GRE of version 1", gre(inner4(), version=1), "pass", None),
    ("GRE cut in its header", honest(gre(inner4()), 22), "drop_outer", None),
    ("GRE with nothing in it", honest(gre(inner4()), 24), "drop_inner", None),
    ("GRE to another address", IP(src=ME4, dst="10.2.0.99") / GRE() / inner4(), "pass", None),
    ("GRE for no VIP", gre(inner4(dst="192.0.2.99")), "pass_not_vip", None),
    ("GRE: inner is not what was announced", gre(inner4(b"v" * 40), proto=0x86DD), "drop_inner", None),
    ("GRE: first fragment", carried(GRE() / inner4(), flags="MF"), "pass_fragment", None),
    ("GUE on another port", gue(inner4(), dport=6081), "pass", None),
    ("GUE control message", gue(inner4(), header=b"\x20\x04\0\0"), "pass", None),
    ("GUE with an extension", gue(inner4(), header=b"\x01\x04\0\0\0\0\0\0"), "pass", None),
    ("GUE with a flag", gue(inner4(), header=b"\0\x04\x80\0"), "pass", None),
    ("GUE of another protocol", gue(inner4(), header=b"\0\x11\0\0"), "pass", None),
    ("GUE of an unknown variant", gue(inner4(), header=b"\x80\x04\0\0"), "pass", None),
    ("GUE with nothing in it", carried(UDP(dport=GUE_PORT, chksum=0)), "drop_outer", None),
    ("GUE length beyond the outer's", gue(inner4(), len=500), "drop_outer", None),
    ("GUE length below its headers", gue(inner4(), len=11), "drop_outer", None),
    ("GUE length shorter than the inner packet", gue(inner4(b"w" * 40), len=40), "drop_inner", None),
    ("GUE for no VIP", gue(inner6(dst="2001:db8:100::99"), True), "pass_not_vip", None),
    ("GUE: fragment", carried(UDP(dport=GUE_PORT, chksum=0) / Raw(b"\0\x04\0\0" + bytes(inner4())), flags="MF"),
     "pass", None),
    ("GUE: outer checksum wrong", carried(UDP(dport=GUE_PORT, chksum=0) / Raw(b"\0\x04\0\0" + bytes(inner4())),
                                          chksum=0x1234), "drop_outer", None),
    ("L3DSR, IPv4", l3dsr4(), "l3dsr_4", b"l3dsr4"),
    ("L3DSR, IPv6", l3dsr6(), "l3dsr_6", b"l3dsr6"),
    ("L3DSR keeps ECN, IPv4", l3dsr4(b"l3ce4", tos=DSCP4 << 2 | 3), "l3dsr_4", b"l3ce4"),
    ("L3DSR keeps ECN, IPv6", l3dsr6(b"l3ce6", tc=DSCP6 << 2 | 3), "l3dsr_6", b"l3ce6"),
    ("L3DSR without UDP checksum", l3dsr4(b"nosum", UDP(sport=1000, dport=PORT, chksum=0)), "l3dsr_4", b"nosum"),
    ("L3DSR with options", l3dsr4(b"options", options=IPOption_NOP()), "l3dsr_4", b"options"),
    ("L3DSR of TCP", l3dsr4(b"", TCP(sport=1000, dport=PORT)), "l3dsr_4", None),
    ("L3DSR of TCP, cut", honest(l3dsr4(b"", TCP(sport=1000, dport=PORT)), 30), "drop_inner", None),
    ("L3DSR, fragment", l3dsr4(flags="MF"), "pass_fragment", None),
    ("another DSCP", l3dsr4(b"other", tos=DSCP6 << 2), "pass", b"other"),
    ("the DSCP to another address", l3dsr4(b"", dst="10.2.0.99"), "pass", None),
    ("congestion mark handed in, IPv4", outer4(inner4(b"ce4", tos=2), tos=3), "decap_4in4", b"ce4"),
    ("congestion mark handed in, IPv6", outer6(inner6(b"ce6", tc=1), tc=3), "decap_6in6", b"ce6"),
    ("ECT(1) wins over ECT(0)", outer4(inner4(b"ect1", tos=2), tos=1), "decap_4in4", b"ect1"),
    ("congestion mark, inner knows no ECN, IPv4", outer4(inner4(), tos=3), "drop_ecn", None),
    ("congestion mark, inner knows no ECN, IPv6", outer6(inner6(), tc=3), "drop_ecn", None),
    ("plain UDP", IP(src=ME4, dst=BACKEND4) / UDP(dport=PORT) / Raw(b"plain"), "pass", b"plain"),
    ("tunnel to another address", IP(src=ME4, dst="10.2.0.99", proto=4) / inner4(), "pass", None),
    ("outer with options", outer4(inner4(), options=IPOption_NOP()), "pass", None),
    ("first fragment of a tunnel packet", outer4(inner4(), flags="MF"), "pass_fragment", None),
    ("last fragment of a tunnel packet", outer4(inner4(), frag=100), "pass_fragment", None),
    ("fragment header before the inner packet",
     IPv6(src=ME6, dst=BACKEND6) / IPv6ExtHdrFragment(nh=4, m=1) / inner4(), "pass", None),
    ("inner for no VIP, IPv4", outer4(inner4(dst="192.0.2.99")), "pass_not_vip", None),
    ("inner for no VIP, IPv6", outer6(inner6(dst="2001:db8:100::99")), "pass_not_vip", None),
    ("inner for the backend itself", outer4(inner4(dst=BACKEND4)), "pass_not_vip", None),
    ("outer checksum wrong", outer4(inner4(), chksum=0x1234), "drop_outer", None),
    ("outer length beyond the packet, IPv4", cut(outer4(inner4(b"z" * 100)), 100), "drop_outer", None),
    ("outer length beyond the packet, IPv6", cut(outer6(inner6(b"z" * 100)), 100), "drop_outer", None),
    ("outer length below its header", outer4(inner4(), len=19), "drop_outer", None),
    ("outer header only, IPv4", IP(src=ME4, dst=BACKEND4, proto=4), "drop_inner", None),
    ("outer header only, IPv6", IPv6(src=ME6, dst=BACKEND6, nh=41), "drop_inner", None),
    ("outer cut at 19 bytes", cut(outer4(inner4()), 19), "pass", None),
    ("outer cut at 39 bytes, IPv6", cut(outer6(inner6()), 39), "pass", None),
    ("inner cut at 19 bytes", honest(outer4(inner4(b"w" * 60)), 39), "drop_inner", None),
    ("inner IPv6 cut at 39 bytes", honest(outer4(inner6(b"w" * 60)), 59), "drop_inner", None),
    ("inner length beyond the outer's", outer4(inner4(len=200)), "drop_inner", None),
    ("inner length below its header", outer4(inner4(len=19)), "drop_inner", None),
    ("inner IPv6 length beyond the outer's", outer4(inner6(plen=200)), "drop_inner", None),
    ("inner version is not what was announced", IP(src=ME4, dst=BACKEND4, proto=4) / inner6(), "drop_inner", None),
    ("inner IPv6 version is not what was announced", IP(src=ME4, dst=BACKEND4, proto=41) / inner4(b"v" * 40),
     "drop_inner", None),
    ("inner header length of 16 bytes", patched(outer4(inner4()), 20, 0x44), "drop_inner", None),
    ("inner header length of 60 bytes in a shorter packet", patched(outer4(inner4()), 20, 0x4F), "drop_inner", None),
]

# What arrives with an ECN field other than 0, by text.
ECN = {b"ce4": 3, b"ce6": 3, b"ect1": 1, b"ceg4": 3, b"ceu6": 3, b"l3ce4": 3, b"l3ce6": 3}


class Backend:
    """The receiving node with the program and a UDP socket of every address."""

    def __init__(self, lab, mode):
        self.node = Node(lab, "backend")
        self.sender = Node(lab, "sender")
        netns.veth(self.sender, "eth0", self.node, "eth0")
        self.sender.address("eth0", f"{ME4}/24", f"{ME6}/64")
        self.node.address("eth0", f"{BACKEND4}/24", f"{BACKEND6}/64")
        self.node.vips(VIP4, VIP6)
        # IPv4 takes all of a loopback's subnet for local, IPv6 wants a route.
        self.node.address("lo", "203.0.113.1/24", "2001:db8:101::1/64")
        self.node.ip(f"-6 route add local {PREFIX6} dev lo")
        # Strict source checks would drop the inner packets of clients that no route leads back to.
        for scope in ("all", "eth0"):
            self.node.sysctl(f"net.ipv4.conf.{scope}.rp_filter", 0)
        self.node.default_route(ME4, ME6)
        self.program = paths.stage(lab.state / "bin", ["flyover-decap"]) / "flyover-decap"
        self.attach(mode)
        self.receiver = self.node.background(
            [paths.PYTHON, "-u", "-c", _RECEIVER.format(port=PORT)], "receiver", stdout=-1)
        if self.receiver.stdout.readline().strip() != b"ready":
            raise AssertionError("the receiver did not start")
        self.mac = self.node.link("eth0")["address"]
        self.socket = _raw_socket(self.sender.name)

    def attach(self, mode):
        return self.node.run([self.program, "attach", "eth0", "--mode", mode, "--dscp", f"{DSCP4}={VIP4}", "--dscp",
                              f"{DSCP6}={VIP6}"])

    def counters(self):
        return json.loads(self.node.run([self.program, "status", "eth0", "--json"]).stdout)["counters"]

    def send(self, packet):
        data = bytes(packet)
        kind = 0x86DD if data and data[0] >> 4 == 6 else 0x0800
        self.socket.send(bytes(Ether(src="02:00:00:00:00:01", dst=self.mac, type=kind)) + data)


_RECEIVER = """
import select, socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
s.bind(("::", {port}))
print("ready", flush=True)
while True:
    data, extra, _, _ = s.recvmsg(65536, 256)
    ecn = [d[0] & 3 for level, kind, d in extra if kind in (socket.IP_TOS, socket.IPV6_TCLASS)]
    print(data.hex(), ecn[0] if ecn else 0, flush=True)
"""


def _raw_socket(namespace):
    """A packet socket of another namespace: made there, used from here."""
    libc_setns = __import__("ctypes").CDLL(None, use_errno=True).setns
    with open("/proc/self/ns/net", "rb") as here, open(f"/run/netns/{namespace}", "rb") as there:
        libc_setns(there.fileno(), 0)
        try:
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            sock.bind(("eth0", 0))
            return sock
        finally:
            libc_setns(here.fileno(), 0)


def check_rows(backend, says, mode):
    wrong = []
    for name, packet, counter, text in ROWS:
        before = backend.counters()
        backend.send(packet)
        # Router solicitations and the like may add to `pass`: only the row's own counter and all others but pass count.
        try:
            wait.until(lambda: backend.counters()[counter] > before[counter], name, 2)
        except wait.Timeout:
            wrong.append(f"{name}: {counter} did not grow")
            continue
        after = backend.counters()
        grown = {k: after[k] - before[k] for k in after if after[k] != before[k] and k != "pass"}
        if grown != ({counter: 1} if counter != "pass" else {}):
            wrong.append(f"{name}: grew {grown}")
        # The canary proves both that the program still works and that nothing else was delivered before it.
        for expected in ([text] if text is not None else []) + [b"canary"]:
            if expected == b"canary":
                backend.send(outer4(inner4(b"canary")))
            data, ecn = backend.receiver.stdout.readline().decode().split()
            got = (bytes.fromhex(data), int(ecn))
            if got != (expected, ECN.get(expected, 0)):
                wrong.append(f"{name}: delivered {got}, want {expected!r} with ECN {ECN.get(expected, 0)}")
    says.check(not wrong, f"{mode}: {len(ROWS)} rows, each its counter and its delivery", "; ".join(wrong))


def check_command(backend, says):
    run, program = backend.node.run, backend.program
    says.check("native" in run([program, "status", "eth0"]).stdout, "status shows the mode")
    says.equal(run([program, "status", "none0"], check=False).returncode, 1, "an unknown interface: exit 1")
    says.equal(run([program, "status", "lo"], check=False).returncode, 1, "nothing attached: exit 1")
    says.equal(run([program, "attach", "eth0", "--vip", "nonsense"], check=False).returncode, 2, "a bad address: exit 2")
    for nonsense in ([], ["fly"], ["attach"], ["attach", "eth0", "--mode", "fast"],
                     ["attach", "eth0", "--dscp", "64=192.0.2.2"], ["attach", "eth0", "--dscp", "9"],
                     ["attach", "eth0", "--dscp", "9=192.0.2.2", "--dscp", "9=192.0.2.3"],
                     ["attach", "eth0", "--gue-port", "65536"], ["status", "eth0", "more"]):
        says.equal(run([program, *nonsense], check=False).returncode, 2, f"`flyover-decap {' '.join(nonsense)}`: exit 2")
    given = "198.51.100.7"
    says.equal(run([program, "attach", "eth0", "--vip", "10.0.0.0/33"], check=False).returncode, 2, "a bad prefix: exit 2")
    run([program, "attach", "eth0", "--address", given, "--vip", VIP4, "--vip", "198.51.100.77/26"])
    shown = json.loads(run([program, "status", "eth0", "--json"]).stdout)
    says.equal((shown["addresses"], shown["vips"]), ([given], [VIP4, "198.51.100.64/26"]), "given addresses replace the found ones")
    says.check("xdp" in (backend.node.link("eth0") or {}), "attached, the kernel shows the program")
    run([program, "detach", "eth0"])
    says.check("xdp" not in (backend.node.link("eth0") or {}), "detach takes the program off")
    says.equal(run([program, "detach", "eth0"], check=False).returncode, 1, "a second detach: exit 1")


def check_host(backend, says):
    """`check` names what is missing, and only that."""
    run, program = backend.node.run, backend.program

    def failures(*options):
        got = run([program, "check", "eth0", "--json", *options], check=False)
        found = [f["what"] for f in json.loads(got.stdout)["findings"] if f["verdict"] == "failure"]
        if got.returncode != (1 if found else 0):
            found.append(f"exit code {got.returncode}")
        return found

    says.equal(failures(), [], "a host with all that it needs: nothing is missing")
    says.check("MTU of 1500" in run([program, "check", "eth0"]).stdout, "that full packets will not fit is a warning")
    backend.node.ip(f"addr del {VIP4}/32 dev lo")
    says.equal(failures(), [f"VIP {VIP4} is no address of this host"], "without a VIP")
    backend.node.address("lo", f"{VIP4}/32")
    backend.node.ip(f"-6 route del local {PREFIX6} dev lo")
    says.equal(failures(), [f"VIP {PREFIX6} is not local as a whole"], "without a prefix's route")
    backend.node.ip(f"-6 route add local {PREFIX6} dev lo")
    # Clients behind another interface.
    backend.node.ip("link add other0 type veth peer name other1")
    backend.node.ip("link set other0 up")
    backend.node.ip("link set other1 up")
    backend.node.ip("route add 198.18.0.0/15 dev other0")
    says.equal(failures("--client", "198.18.0.1"), [], "another way back, and no reverse path filter")
    backend.node.sysctl("net.ipv4.conf.eth0.rp_filter", 1)
    says.check("rp_filter is strict on eth0" in "; ".join(failures("--client", "198.18.0.1")), "another way back, and a strict one")
    says.equal(failures(), [], "the same way back, and a strict one")
    backend.node.sysctl("net.ipv4.conf.eth0.rp_filter", 0)
    backend.node.ip("link del other0")
    run([program, "detach", "eth0"])
    says.equal(failures(), ["flyover-decap is not on eth0"], "without the program")
    says.equal(run([program, "check", "none0"], check=False).returncode, 1, "check of an unknown interface: exit 1")
    backend.attach("native")


def check_counts(backend, says):
    """Packets and bytes of each VIP."""
    vip_counters = lambda: json.loads(backend.node.run([backend.program, "status", "eth0", "--json"]).stdout)["vip_counters"]
    says.equal({vip: c["packets"] for vip, c in vip_counters().items()}, {VIP4: 0, VIP6: 0, PREFIX4: 0, PREFIX6: 0},
               "a new program counts from zero")
    sent = {VIP4: [outer4(inner4(b"one")), gre(inner4(b"two"), True), l3dsr4(b"three")], VIP6: [gue(inner6(b"four"))],
            PREFIX4: [outer6(inner4(b"five", dst="203.0.113.77"))], PREFIX6: []}
    for packets in sent.values():
        for packet in packets:
            backend.send(packet)
            backend.receiver.stdout.readline()
    wait.until(lambda: sum(c["packets"] for c in vip_counters().values()) == 5, "five packets", 2)
    says.equal({vip: c["packets"] for vip, c in vip_counters().items()}, {vip: len(p) for vip, p in sent.items()},
               "packets are counted by VIP, a prefix as one")
    says.equal(vip_counters()[VIP6]["bytes"], len(bytes(inner6(b"four"))), "and the bytes of what was inside")
    text = backend.node.run([backend.program, "status", "eth0", "--prometheus"]).stdout
    says.check(f'flyover_decap_vip_packets_total{{interface="eth0",vip="{VIP4}"}} 3\n' in text and
               'flyover_decap_packets_total{interface="eth0",counter="gue_6in4"} 1\n' in text, "the same as metrics", text)


def body(lab, says):
    conf.verb = 0
    backend = Backend(lab, "native")
    shown = json.loads(backend.node.run([backend.program, "status", "eth0", "--json"]).stdout)
    says.equal((set(shown["addresses"]), set(shown["vips"])), ({BACKEND4, BACKEND6}, {VIP4, VIP6, PREFIX4, PREFIX6}),
               "addresses are read from the interface, VIPs from lo")
    says.equal((shown["dscps"], shown["gue_port"]), ([f"{DSCP4}={VIP4}", f"{DSCP6}={VIP6}"], GUE_PORT),
               "the VIP of each DSCP and the port of GUE are shown")
    check_rows(backend, says, "native")
    backend.attach("generic")
    check_rows(backend, says, "generic")
    backend.attach("native")
    check_counts(backend, says)
    check_host(backend, says)
    check_command(backend, says)


if __name__ == "__main__":
    runner.main("decap", body, __doc__)
