"""A steady stream of numbered UDP datagrams and who counts it; one JSON line each at start and end.

    stream.py send ADDRESS PORT RATE     until SIGTERM: {"sent": N}
    stream.py receive PORT               until nothing came for two seconds: {"received": N, "different": N, ...}
"""

import json
import signal
import socket
import struct
import sys
import time

SO_RCVBUFFORCE = 33  # not among Python's names


def send(address, port, rate):
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect((address, port))
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    begin, sent = time.monotonic(), 0
    print(json.dumps({"begun": True}), flush=True)
    while not ended:
        time.sleep(0.001)
        due = int((time.monotonic() - begin) * rate)
        # After a pause of this process it does not make up for what it missed all at once.
        if due - sent > rate // 20:
            begin += (due - sent) / rate
            continue
        for number in range(sent, due):
            sock.send(struct.pack("=Qd", number, time.monotonic()))
        sent = max(sent, due)
    print(json.dumps({"sent": sent}), flush=True)


def receive(port):
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    sock.bind(("::", port))
    print(json.dumps({"ready": True}), flush=True)
    seen, received, slowest = set(), 0, 0.0
    while True:
        sock.settimeout(2 if received else 60)
        try:
            data = sock.recv(64)
        except TimeoutError:
            break
        number, sent = struct.unpack("=Qd", data[:16])
        received += 1
        seen.add(number)
        slowest = max(slowest, time.monotonic() - sent)
    print(json.dumps({"received": received, "different": len(seen), "slowest_ms": round(slowest * 1000, 1)}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        receive(int(sys.argv[2]))
