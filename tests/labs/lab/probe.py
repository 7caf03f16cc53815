"""Sends ICMP echo requests at a steady pace and prints one JSON line per answer, with the machine's monotonic time.

Run inside a namespace:  python3 probe.py ADDRESS --every-ms 1 --seconds 5
Lines: {"seq": 7, "sent": 123.001, "received": 123.002}; at the end {"sent_total": n, "answered": m}.
`received` is the kernel's receive path as seen by a busy process: good to a fraction of a millisecond.
"""

import argparse
import json
import os
import select
import socket
import struct
import time


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def request(family, ident, seq):
    kind = 8 if family == socket.AF_INET else 128
    body = struct.pack("!BBHHH", kind, 0, 0, ident, seq) + b"flyover-probe---"
    if family == socket.AF_INET6:
        return body  # the kernel fills in ICMPv6 checksums
    return body[:2] + struct.pack("!H", checksum(body)) + body[4:]


def answer(family, packet, ident):
    """The sequence number of an answer to us, or None."""
    if family == socket.AF_INET:
        packet = packet[(packet[0] & 15) * 4:]
    if len(packet) < 8:
        return None
    kind, _, _, got, seq = struct.unpack("!BBHHH", packet[:8])
    return seq if got == ident and kind in (0, 129) else None


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("address")
    options.add_argument("--every-ms", type=float, default=1.0)
    options.add_argument("--seconds", type=float, default=3.0)
    args = options.parse_args()

    family = socket.AF_INET6 if ":" in args.address else socket.AF_INET
    protocol = socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP
    sock = socket.socket(family, socket.SOCK_RAW, protocol)
    sock.setblocking(False)
    ident = os.getpid() & 0xFFFF
    sent, answered, seq = {}, 0, 0
    print(json.dumps({"started": time.monotonic()}), flush=True)
    begin = time.monotonic()
    due, end = begin, begin + args.seconds
    while True:
        now = time.monotonic()
        if now >= end + 0.2:
            break
        if due <= now < end:
            try:
                sock.sendto(request(family, ident, seq), (args.address, 0))
            except OSError:
                pass  # no route yet, or an unreachable that the kernel remembers: counted as unanswered
            sent[seq] = now
            seq = (seq + 1) & 0xFFFF
            due += args.every_ms / 1000
        wait = max(0.0, (due if now < end else end + 0.2) - time.monotonic())
        if not select.select([sock], [], [], min(wait, 0.05))[0]:
            continue
        try:
            packet = sock.recv(2048)
        except OSError:
            continue
        got = answer(family, packet, ident)
        if got in sent:
            answered += 1
            print(json.dumps({"seq": got, "sent": sent.pop(got), "received": time.monotonic()}), flush=True)
    print(json.dumps({"sent_total": seq, "answered": answered}), flush=True)


if __name__ == "__main__":
    main()
