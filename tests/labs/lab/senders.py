"""Small traffic sources that run inside a node."""

from . import paths

_UDP = """
import socket, sys
source, count, targets = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
for i in range(count):
    target = targets[i % len(targets)]
    s = socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("", source + i if source else 0))
    s.sendto(b"flyover", (target, 33000))
    s.close()
"""


_SWEEP = """
import ipaddress, socket, sys, time
first, rate, seconds = ipaddress.ip_address(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
s = socket.socket(socket.AF_INET6 if first.version == 6 else socket.AF_INET, socket.SOCK_DGRAM)
begin, sent = time.monotonic(), 0
while sent < rate * seconds:
    due = min(int((time.monotonic() - begin) * rate), int(rate * seconds))
    for i in range(sent, due):
        s.sendto(b"flyover", (str(first + i), 33000))
    sent = max(sent, due)
    time.sleep(0.001)
print(sent / (time.monotonic() - begin))
"""


def sweep(node, first, rate, seconds):
    """One datagram to each address from `first` on, `rate` a second; returns the rate that it came to."""
    return float(node.run([paths.PYTHON, "-c", _SWEEP, first, rate, seconds]).stdout)


def udp(node, count, targets, first_port=0):
    """`count` datagrams to port 33000 of `targets` in turn; each from a port of its own, from `first_port` on."""
    return node.run([paths.PYTHON, "-c", _UDP, first_port, count, *targets])
