"""`ip route get fibmatch` for many addresses: reads them from standard input, one a line, asks the kernel of the
namespace that it runs in, and prints a JSON list of [address, action, prefix, [[gateway, interface], ...]].

`ip -batch` stops at the first unreachable destination, and does not say which answer belongs to which question."""

import errno
import json
import socket
import struct
import sys

RTM_GETROUTE, NLM_F_REQUEST, NLMSG_ERROR = 26, 1, 2
RTM_F_FIB_MATCH, RTM_F_LOOKUP_TABLE = 0x2000, 0x1000
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_MULTIPATH, RTA_VIA = 1, 4, 5, 9, 18
TYPES = {1: "forward", 2: "local", 3: "broadcast", 4: "local", 6: "blackhole", 7: "unreachable", 8: "prohibit"}
ERRORS = {errno.EINVAL: "blackhole", errno.EHOSTUNREACH: "unreachable", errno.EACCES: "prohibit",
          errno.ENETUNREACH: "none"}


def attributes(data):
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4:
            return
        yield kind & 0x3fff, data[at + 4:at + length]
        at += (length + 3) & ~3


def text(data):
    return socket.inet_ntop(socket.AF_INET if len(data) == 4 else socket.AF_INET6, data)


def hop(attrs, interface, names):
    gateway = attrs.get(RTA_GATEWAY)
    if RTA_VIA in attrs:
        gateway = attrs[RTA_VIA][2:]
    return [text(gateway) if gateway else "", names.get(interface, str(interface))]


def hops(attrs, names):
    if RTA_MULTIPATH not in attrs:
        return [hop(attrs, struct.unpack("=i", attrs[RTA_OIF])[0], names)] if RTA_OIF in attrs else []
    found, data, at = [], attrs[RTA_MULTIPATH], 0
    while at + 8 <= len(data):
        length, _, _, interface = struct.unpack_from("=HBBi", data, at)
        found.append(hop(dict(attributes(data[at + 8:at + length])), interface, names))
        at += (length + 3) & ~3
    return found


def ask(sock, address, names, sequence):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed = socket.inet_pton(family, address)
    body = struct.pack("=BBBBBBBBI", family, len(packed) * 8, 0, 0, 0, 0, 0, 0, RTM_F_FIB_MATCH | RTM_F_LOOKUP_TABLE)
    body += struct.pack("=HH", 4 + len(packed), RTA_DST) + packed
    sock.send(struct.pack("=IHHII", 16 + len(body), RTM_GETROUTE, NLM_F_REQUEST, sequence, 0) + body)
    answer = sock.recv(1 << 20)
    _, kind, _, answered, _ = struct.unpack_from("=IHHII", answer)
    if answered != sequence:
        raise SystemExit("the kernel answered another question")
    if kind == NLMSG_ERROR:
        code = -struct.unpack_from("=i", answer, 16)[0]
        return [address, ERRORS.get(code, errno.errorcode.get(code, str(code))), "", []]
    route_type = answer[16 + 7]
    length = answer[16 + 1]
    attrs = dict(attributes(answer[28:struct.unpack_from("=I", answer)[0]]))
    action = TYPES.get(route_type, str(route_type))
    base = text(attrs[RTA_DST]) if RTA_DST in attrs else ("::" if family == socket.AF_INET6 else "0.0.0.0")
    return [address, action, f"{base}/{length}", sorted(hops(attrs, names)) if action == "forward" else []]


def main():
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    names = {index: name for index, name in socket.if_nameindex()}
    json.dump([ask(sock, line, names, n + 1) for n, line in enumerate(sys.stdin.read().split())], sys.stdout)


if __name__ == "__main__":
    main()
