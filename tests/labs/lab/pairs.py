"""One frame from every wire to every other, and where it came out.

Run inside the namespace that holds the wires `peerN`:  python3 pairs.py COUNT MAC0 MAC1 ...   (MACs of the router's ports)
The subnets are 10.100.N.0/24 and 2001:db8:N::/64; the host on wire N is .2 and ::2. Prints one JSON object:
{"sent": n, "right": n, "wrong": ["..."]}.
"""

import json
import select
import socket
import struct
import sys
import time

ETH_P_ALL = 3
UDP, TTL = 17, 64


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def address(family, wire):
    if family == 4:
        return socket.inet_pton(socket.AF_INET, f"10.100.{wire}.2")
    return socket.inet_pton(socket.AF_INET6, f"2001:db8:{wire}::2")


def packet(family, source, target):
    ends = address(family, source) + address(family, target)
    payload = struct.pack("!BB", source, target) + bytes(16)
    length = 8 + len(payload)
    pseudo = ends + struct.pack("!II", length, UDP) if family == 6 else ends + struct.pack("!HH", UDP, length)
    datagram = struct.pack("!HHHH", 7, 9, length, 0)
    datagram = struct.pack("!HHHH", 7, 9, length, checksum(pseudo + datagram + payload))
    if family == 6:
        return struct.pack("!IHBB", 6 << 28, length, UDP, TTL) + ends + datagram + payload
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, TTL, UDP, 0)
    head = head[:10] + struct.pack("!H", checksum(head + ends)) + ends
    return head + datagram + payload


def fault(frame, wire):
    """(source, target, family) of a frame that came out of `wire`, and what is wrong with it."""
    ether_type = struct.unpack("!H", frame[12:14])[0]
    if ether_type not in (0x0800, 0x86dd):
        return None, None
    family = 4 if ether_type == 0x0800 else 6
    start = 14 + (20 if family == 4 else 40)
    ttl, protocol = (frame[22], frame[23]) if family == 4 else (frame[21], frame[20])
    if protocol != UDP or frame[start:start + 4] != struct.pack("!HH", 7, 9):
        return None, None
    source, target = frame[start + 8], frame[start + 9]
    expected = packet(family, source, target)[20 if family == 4 else 40:]
    wrong = []
    if target != wire:
        wrong.append(f"came out of wire {wire}")
    if ttl != TTL - 1:
        wrong.append(f"TTL {ttl}")
    if frame[start:start + len(expected)] != expected:
        wrong.append("other bytes")
    if family == 4 and checksum(frame[14:34]) != 0:
        wrong.append("IPv4 checksum")
    return (source, target, family), ", ".join(wrong)


def main():
    count, macs = int(sys.argv[1]), [bytes.fromhex(m.replace(":", "")) for m in sys.argv[2:]]
    wires = []
    for n in range(count):
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        sock.bind((f"peer{n}", ETH_P_ALL))
        sock.setblocking(False)
        wires.append(sock)
    seen, wrong = set(), []

    def drain(seconds):
        for sock in select.select(wires, [], [], seconds)[0]:
            while True:
                try:
                    frame, where = sock.recvfrom(2048)
                except BlockingIOError:
                    break
                if where[2] == socket.PACKET_OUTGOING:
                    continue
                key, what = fault(frame, wires.index(sock))
                if key is None:
                    continue
                if what or key in seen:
                    wrong.append(f"{key}: {what or 'twice'}")
                seen.add(key)

    sent = 0
    for family, ether_type in ((4, 0x0800), (6, 0x86dd)):
        for source in range(count):
            for target in range(count):
                if source != target:
                    own = bytes.fromhex("0200000001") + bytes([source])
                    wires[source].send(macs[source] + own + struct.pack("!H", ether_type) + packet(family, source, target))
                    sent += 1
            drain(0)
    deadline = time.monotonic() + 5
    while len(seen) < sent and time.monotonic() < deadline:
        drain(0.1)
    print(json.dumps({"sent": sent, "right": len(seen) - len(wrong), "wrong": wrong}), flush=True)


if __name__ == "__main__":
    main()
