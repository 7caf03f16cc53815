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


def udp(node, count, targets, first_port=0):
    """`count` datagrams to port 33000 of `targets` in turn; each from a port of its own, from `first_port` on."""
    return node.run([paths.PYTHON, "-c", _UDP, first_port, count, *targets])
