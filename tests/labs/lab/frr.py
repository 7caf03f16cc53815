"""FRR's zebra and bgpd in a node, with their own sockets and files."""

import json
import shutil

from . import shell, wait

_DAEMONS = "/usr/lib/frr"


class Frr:
    """An eBGP speaker with one neighbour."""

    def __init__(self, node, asn, router_id, peer, peer_asn, networks=()):
        self.node = node
        self.dir = node.lab.state / f"frr-{node.short}"
        self.dir.mkdir()
        shutil.chown(self.dir, "frr", "frr")
        announce = "\n".join(f"  network {n}" for n in networks)
        config = self.dir / "bgpd.conf"
        config.write_text(f"""
router bgp {asn}
 bgp router-id {router_id}
 no bgp ebgp-requires-policy
 no bgp network import-check
 timers bgp 3 9
 neighbor {peer} remote-as {peer_asn}
 neighbor {peer} timers connect 1
 address-family ipv4 unicast
{announce}
 exit-address-family
""")
        empty = self.dir / "zebra.conf"
        empty.write_text("\n")
        zserv = self.dir / "zserv.api"
        common = ["--vty_socket", self.dir, "-A", "127.0.0.1", "-P", "0", "--log", "stdout"]
        node.background([f"{_DAEMONS}/zebra", "-f", empty, "-i", self.dir / "zebra.pid", "-z", zserv, *common], "zebra")
        wait.until(zserv.exists, "zebra's socket", 10)
        node.background([f"{_DAEMONS}/bgpd", "-f", config, "-i", self.dir / "bgpd.pid", "-z", zserv, *common], "bgpd")
        wait.until((self.dir / "bgpd.vty").exists, "bgpd's socket", 10)

    def vtysh(self, command):
        return self.node.run(["vtysh", "--vty_socket", self.dir, "-c", command], check=False).stdout

    def neighbor(self, peer):
        """What bgpd knows of its neighbour, as `show bgp neighbors PEER json` says."""
        text = self.vtysh(f"show bgp neighbors {peer} json")
        try:
            return json.loads(text).get(peer, {})
        except ValueError:
            return {}

    def established(self, peer):
        return self.neighbor(peer).get("bgpState") == "Established"


def available():
    return shell.run("test -x /usr/lib/frr/bgpd", check=False).returncode == 0
