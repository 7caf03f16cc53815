"""Network namespaces and the veth pairs between them."""

import json
import os

from . import shell

# Left on, a veth sends TCP and UDP whose checksum nobody has computed, and packets of up to 64 KiB: both are repaired
# by the next kernel, but a data plane that reads raw frames would forward them as they are, and the receiver drops
# them. Ping does not notice (ICMP checksums are computed in software). negative_offloads_lab.py shows it.
OFFLOADS_OFF = ("tx", "off", "tso", "off", "gso", "off")


class Namespace:
    """One network namespace; `lo` is up, IPv6 duplicate detection and router advertisements are off."""

    def __init__(self, name, ipv6=True):
        self.name = name
        shell.run(["ip", "netns", "add", name])
        self.ip("link set lo up")
        for scope in ("all", "default"):
            self.sysctl(f"net.ipv6.conf.{scope}.disable_ipv6", 0 if ipv6 else 1)
            self.sysctl(f"net.ipv6.conf.{scope}.accept_dad", 0)
            self.sysctl(f"net.ipv6.conf.{scope}.accept_ra", 0)

    def argv(self, command):
        return ["ip", "netns", "exec", self.name] + shell.split(command)

    def run(self, command, **options):
        return shell.run(self.argv(command), **options)

    def start(self, command, log, **options):
        return shell.start(self.argv(command), log, **options)

    def ip(self, command, **options):
        """`ip -n NAMESPACE ...`; cheaper than `ip netns exec`."""
        return shell.run(["ip", "-n", self.name] + shell.split(command), **options)

    def ip_json(self, command):
        return json.loads(shell.run(["ip", "-n", self.name, "-j", "-d", "-s"] + shell.split(command)).stdout or "[]")

    def sysctl(self, key, value):
        path = "/proc/sys/" + key.replace(".", "/")
        self.run(["sh", "-c", f"echo {value} > {path}"])

    def read_sysctl(self, key):
        return self.run(["cat", "/proc/sys/" + key.replace(".", "/")]).stdout.strip()

    def link(self, interface):
        """What `ip -s -d link` says of one interface, or None."""
        found = [l for l in self.ip_json("link show") if l.get("ifname") == interface]
        return found[0] if found else None

    def packets(self, interface):
        """(sent, received) packets as the kernel counts them."""
        stats = self.link(interface)["stats64"]
        return stats["tx"]["packets"], stats["rx"]["packets"]

    def offloads(self, interface, *switches):
        self.run(["ethtool", "-K", interface, *(switches or OFFLOADS_OFF)])


def veth(left, left_name, right, right_name, mtu=1500, offloads_off=True):
    """A pair of interfaces between two namespaces, both up."""
    shell.run(["ip", "link", "add", left_name, "netns", left.name, "mtu", str(mtu), "type", "veth",
               "peer", "name", right_name, "netns", right.name, "mtu", str(mtu)])
    for namespace, name in ((left, left_name), (right, right_name)):
        if offloads_off:
            namespace.offloads(name)
        namespace.ip(f"link set {name} up")


def bridge(namespace):
    """A learning switch in a namespace of its own."""
    namespace.ip("link add switch type bridge stp_state 0 mcast_snooping 0")
    namespace.ip("link set switch up")


def plug(namespace, interface):
    """Into the namespace's bridge."""
    namespace.ip(f"link set {interface} master switch")


def existing(prefix):
    """Names of the namespaces whose name starts with `prefix`."""
    try:
        return sorted(n for n in os.listdir("/run/netns") if n.startswith(prefix))
    except FileNotFoundError:
        return []


def pids(name):
    """Processes that live in a namespace now."""
    result = shell.run(["ip", "netns", "pids", name], check=False)
    return [int(pid) for pid in result.stdout.split()]


def delete(name):
    shell.run(["ip", "netns", "delete", name], check=False)
