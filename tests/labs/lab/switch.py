"""A learning switch between interfaces of a namespace, for devices whose own MAC address a kernel bridge would keep to
itself (net_tap gives its kernel side the port's address).

Run inside a namespace:  python3 switch.py INTERFACE...
"""

import select
import socket
import sys

ETH_P_ALL = 3
OUTGOING = 4  # PACKET_OUTGOING


def main(names):
    ports = {}
    for name in names:
        port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        port.bind((name, ETH_P_ALL))
        ports[port] = name
    where = {}  # MAC address -> port
    print("ready", flush=True)
    while True:
        for port in select.select(list(ports), [], [])[0]:
            try:
                frame, sender = port.recvfrom(65536)
            except OSError:
                continue  # its link went
            if sender[2] == OUTGOING or len(frame) < 14:
                continue
            where[frame[6:12]] = port
            known = where.get(frame[0:6])
            for other in [known] if known else ports:
                if other is not port:
                    send(other, frame)


def send(port, frame):
    try:
        port.send(frame)
    except OSError:
        pass  # a port without a link loses it, as on a real switch


if __name__ == "__main__":
    main(sys.argv[1:])
