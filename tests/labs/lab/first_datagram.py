"""When the first datagram comes through.

Run inside a namespace:  python3 first_datagram.py send ADDRESS     one datagram a millisecond until it is ended
                         python3 first_datagram.py receive          prints {"ready": true}, then {"at": MONOTONIC}
"""

import json
import socket
import sys
import time

PORT = 9999


def send(address):
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    print(json.dumps({"sending": True}), flush=True)
    while True:
        try:
            sock.sendto(b"x", (address, PORT))
        except OSError:
            pass  # no carrier yet
        time.sleep(0.001)


def receive():
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.bind(("::", PORT))
    print(json.dumps({"ready": True}), flush=True)
    sock.recv(1)
    print(json.dumps({"at": time.monotonic()}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send(sys.argv[2])
    else:
        receive()
