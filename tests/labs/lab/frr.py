"""FRR's daemons in a node, with their own sockets and files."""

import json
import shutil

from . import wait

_DAEMONS = "/usr/lib/frr"


class Frr:
    """zebra and those daemons of `configs` (name -> text of its configuration): bgpd, ospfd, ospf6d, isisd, bfdd."""

    def __init__(self, node, configs):
        self.node = node
        self.dir = node.lab.state / f"frr-{node.short}"
        self.dir.mkdir()
        shutil.chown(self.dir, "frr", "frr")
        self.processes = {}
        configs = {"zebra": "", **configs}
        for name in sorted(configs, key=_order):
            self._start(name, configs[name])

    def _start(self, name, text):
        config = self.dir / f"{name}.conf"
        config.write_text(text + "\n")
        zserv, bfdctl = self.dir / "zserv.api", self.dir / "bfdd.sock"
        options = ["--bfdctl", bfdctl] if name == "bfdd" else []
        self.processes[name] = self.node.background(
            [f"{_DAEMONS}/{name}", "-f", config, "-i", self.dir / f"{name}.pid", "-z", zserv, *options,
             "--vty_socket", self.dir, "-A", "127.0.0.1", "-P", "0", "--log", "stdout"], name)
        wait.until((self.dir / f"{name}.vty").exists, f"{name}'s socket", 10)
        wait.until(zserv.exists, "zebra's socket", 10)

    def vtysh(self, command):
        return self.node.run(["vtysh", "--vty_socket", self.dir, "-c", command], check=False).stdout

    def json(self, command):
        try:
            return json.loads(self.vtysh(command + " json") or "{}")
        except ValueError:
            return {}

    def neighbor(self, peer):
        """What bgpd knows of its neighbour."""
        return self.json(f"show bgp neighbors {peer}").get(peer, {})

    def established(self, peer):
        return self.neighbor(peer).get("bgpState") == "Established"


def _order(name):
    """zebra first, and bfdd before those that want it."""
    return (name != "zebra", name != "bfdd", name)


def bgp(asn, router_id, neighbors, networks=()):
    """A bgpd that speaks to `neighbors` (address -> AS number) and announces `networks`."""
    lines = [f"router bgp {asn}", f" bgp router-id {router_id}", " no bgp ebgp-requires-policy",
             " no bgp network import-check", " no bgp default ipv4-unicast", " timers bgp 3 9"]
    for peer, peer_asn in neighbors.items():
        lines += [f" neighbor {peer} remote-as {peer_asn}", f" neighbor {peer} timers connect 1"]
    for family in (4, 6):
        lines.append(f" address-family ipv{family} unicast")
        lines += [f"  network {n}" for n in networks if (":" in n) == (family == 6)]
        for peer, peer_asn in neighbors.items():
            if (":" in peer) == (family == 6):
                lines.append(f"  neighbor {peer} activate")
                if peer_asn == asn:
                    lines.append(f"  neighbor {peer} next-hop-self")
        lines.append(" exit-address-family")
    return "\n".join(lines)


def bfd(milliseconds=100, multiplier=3):
    return (f"bfd\n profile fast\n  detect-multiplier {multiplier}\n  receive-interval {milliseconds}\n"
            f"  transmit-interval {milliseconds}\n")


def ospf(router_id, interface, loopback_cost=None, version=2):
    """ospfd or ospf6d (version 3): area 0 on `interface` with BFD, and on lo where it has a cost."""
    ip = "ip ospf" if version == 2 else "ipv6 ospf6"
    lines = [f"interface {interface}", f" {ip} area 0", f" {ip} bfd", f" {ip} bfd profile fast",
             f" {ip} hello-interval 1", f" {ip} dead-interval 4"]
    if loopback_cost is not None:
        lines += ["interface lo", f" {ip} area 0", f" {ip} cost {loopback_cost}"]
    name = "router ospf" if version == 2 else "router ospf6"
    return "\n".join([*lines, name, f" ospf{'6' if version == 3 else ''} router-id {router_id}"])


def isis(net, interface, loopback=False):
    lines = [f"interface {interface}", " ip router isis fly", " ipv6 router isis fly", " isis hello-interval 1"]
    if loopback:
        lines += ["interface lo", " ip router isis fly", " ipv6 router isis fly", " isis passive"]
    return "\n".join([*lines, "router isis fly", f" net {net}", " is-type level-2-only"])
