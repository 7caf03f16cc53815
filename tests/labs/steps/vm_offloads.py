"""VLAN tags and IPv4 checksums left to NICs: what leaves is, byte for byte, what leaves when software does it all.

Tagged frames are written to the wire of one NIC and read from that of the other, in both directions, so that both drivers
receive and send them; once with `offloads: true`, once with `offloads: false`.
"""

import ipaddress
import struct

from lab import wait

TAG = 7
NETWORKS = {"wan": {4: "10.7.1.", 6: "2001:db8:7:1::"}, "lan": {4: "10.7.2.", 6: "2001:db8:7:2::"}}
HOST_MAC = "02:00:00:00:07:02"
COUNT = 12  # of each family and direction, the broken ones beside them

# argv: interface, frames in hex.
SENDER = """
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
for frame in sys.argv[2:]:
    s.send(bytes.fromhex(frame))
"""


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def checksum(header):
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    while total >> 16:
        total = (total >> 16) + (total & 0xffff)
    return ~total & 0xffff


def tagged(nic_mac, ethertype, packet):
    return mac(nic_mac) + mac(HOST_MAC) + struct.pack("!HHH", 0x8100, TAG, ethertype) + packet


def frames(family, nic_mac, source, destination, broken=False):
    """UDP datagrams of several sizes; `broken`: with a wrong IPv4 checksum."""
    result = []
    source, destination = (ipaddress.ip_address(a).packed for a in (source, destination))
    for n in range(COUNT):
        payload = struct.pack("!HHHH", 1000 + n, 9, 8 + 100 * n, 0) + bytes(100 * n)
        if family == 6:
            packet = struct.pack("!IHBB", 6 << 28, len(payload), 17, 64) + source + destination + payload
            result.append(tagged(nic_mac, 0x86dd, packet))
            continue
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), n, 0, 64, 17, 0) + source + destination
        right = checksum(header) ^ (1 if broken else 0)
        result.append(tagged(nic_mac, 0x0800, header[:10] + struct.pack("!H", right) + header[12:] + payload))
    return result


def read_pcap(path):
    data = path.read_bytes()
    at, result = 24, []
    while at + 16 <= len(data):
        _, _, length, _ = struct.unpack("<IIII", data[at:at + 16])
        if at + 16 + length > len(data):
            break
        result.append(data[at + 16:at + 16 + length])
        at += 16 + length
    return [f for f in result if f[12:14] == b"\x81\x00" and f[6:12] != mac(HOST_MAC)]


def pass_through(lane, name):
    """All frames over both NICs; {direction: what came out, sorted}."""
    vm, guest = lane.vm, lane.guest
    came = {}
    ways = {"lan": (lane.client, lane.wan, lane.server), "wan": (lane.server, lane.lan, lane.client)}
    for out, (sender, nic, receiver) in ways.items():
        back = nic.name
        for family in (4, 6):
            host = NETWORKS[out][family] + "2"
            vm.run(f"ip neigh replace {host} lladdr {HOST_MAC} nud permanent dev {out}.{TAG}")
        capture, path = receiver.capture("eth0", f"{name}-{out}", "vlan")
        wait.until(path.exists, "the capture", 10)
        sent = []
        for family in (4, 6):
            ends = NETWORKS[back][family] + "2", NETWORKS[out][family] + "2"
            sent += frames(family, nic.mac, *ends)
        sent += frames(4, nic.mac, NETWORKS[back][4] + "2", NETWORKS[out][4] + "2", broken=True)
        before = guest.port(f"{out}.{TAG}")["tx_packets"]
        sender.run(["/usr/bin/python3", "-c", SENDER, "eth0", *[f.hex() for f in sent]])
        try:
            wait.until(lambda o=out, b=before: guest.port(f"{o}.{TAG}")["tx_packets"] - b >= 2 * COUNT, "all frames sent", 20)
        except wait.Timeout:
            for question in ("show ports", "show drops", "show neighbors"):
                lane.show(f"flyover --socket /run/control.sock {question}")
            raise
        wait.until(lambda p=path: len(read_pcap(p)) >= 2 * COUNT, "all frames on the wire", 20)
        capture.terminate()
        capture.wait()
        came[out] = sorted(read_pcap(path))
    return came


def run(lane):
    says, guest = lane.says, lane.guest
    plain = dict(guest.document["ports"])
    came, used = {}, {}
    for offloads in (True, False):
        guest.stop()
        ports = {name: {**keys, "offloads": offloads} for name, keys in plain.items()}
        for name, networks in NETWORKS.items():
            ports[f"{name}.{TAG}"] = {"vlan": {"port": name, "id": TAG},
                                      "addresses": [networks[4] + "1/24", networks[6] + "1/64"]}
        guest.document["ports"] = ports
        guest.start()
        used[offloads] = {n: sorted(guest.port(n)["offloads"]) for n in NETWORKS}
        came[offloads] = pass_through(lane, f"offloads-{offloads}")
    says.equal(used[True]["lan"], ["ipv4_checksum", "vlan_insert", "vlan_strip"], "e1000e: used where offered")
    says.check("vlan_strip" in used[True]["wan"], f"virtio: {', '.join(used[True]['wan'])}")
    says.equal(used[False], {"lan": [], "wan": []}, "offloads: false, none is used")
    for out in NETWORKS:
        says.check(len(came[True][out]) == 2 * COUNT and came[True][out] == came[False][out],
                   f"out by {out}: {len(came[True][out])} tagged frames, the same bytes by the NIC and by software; "
                   "those with a wrong checksum are dropped by both")
    guest.stop()
    guest.document["ports"] = plain
    guest.start()
