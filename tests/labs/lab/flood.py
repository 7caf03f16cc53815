"""Floods of forged packets, as fast as one core sends them: trafgen in a node, until it is stopped."""

import ipaddress
import os
import signal

from . import context

KINDS = ("syn", "udp", "fragments")


def numbers(data):
    return ", ".join(str(byte) for byte in data)


def layout(mac, vip, kind):
    """One packet in trafgen's language: sources (198.18.0.0/16, 2001:db8:f::/64), ports, identifications and sequence
    numbers are drawn anew for each. Fragments are later ones, without a first one."""
    to = ipaddress.ip_address(vip)
    l4 = {"syn": "drnd(2), c16(80), drnd(4), c32(0), c16(0x5002), c16(512), c16(0), c16(0)",
          "udp": "drnd(2), c16(53), c16(26), c16(0), fill(0x78, 12)",
          "fragments": "fill(0x78, 20)"}[kind]
    protocol = 6 if kind == "syn" else 17
    offset = 185 if kind == "fragments" else 0
    ethernet = numbers(bytes.fromhex(mac.replace(":", "")) + b"\x02\x00\x00\x00\x00\x0c")
    payload = "fill(0x78, 6)"
    if to.version == 4:
        ip = (f"c16(0x0800), 0x45, 0, c16(46), drnd(2), c16({offset}), 64, {protocol}, csumip(14, 33), 198, 18, drnd(2), "
              + numbers(to.packed))
        return f"{{ {ethernet}, {ip}, {l4}, {payload} }}\n"
    source = numbers(ipaddress.ip_address("2001:db8:f::").packed[:8]) + ", drnd(8)"
    extension = f"{protocol}, 0, c16({offset << 3}), drnd(4), " if offset else ""
    ip = (f"c16(0x86dd), 0x60, 0, 0, 0, c16({34 if offset else 26}), {44 if offset else protocol}, 64, {source}, "
          + numbers(to.packed))
    return f"{{ {ethernet}, {ip}, {extension}{l4}, {payload} }}\n"


class Flood:
    """`kind`: one of KINDS. `mac`: of the port that takes it."""

    def __init__(self, node, interface, mac, vip, kind):
        path = node.lab.state / f"flood-{kind}-{6 if ':' in vip else 4}.cfg"
        path.write_text(layout(mac, vip, kind))
        self.process = node.background(["trafgen", "--dev", interface, "--conf", path, "--cpus", "1", "--no-sock-mem"],
                                       f"flood-{kind}")

    def stop(self):
        # The sender is a child that neither hears of its parent's end nor of any signal but this.
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            children = [int(child) for child in file.read().split()]
        for child in children:
            os.kill(child, signal.SIGKILL)
        context.stop(self.process, how=signal.SIGKILL)
