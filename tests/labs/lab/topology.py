"""The network of the demo and of most labs.

      client ----- wan [ dataplane: flyoverd ] lan ----- lan switch --+-- server   routed; 10.9.0.0/16 is behind it
                                |                                     +-- web1
                        TAPs "wan", "lan"                             +-- web2     nginx; the VIPs are on lo
                             router                                   +-- web3

Every box is a network namespace. `dataplane` holds only the veth ends that flyoverd reads and writes (no addresses, no
IPv6): with addresses its kernel would answer too. The TAPs, and with them everything that the kernel does for the
router (ARP, ND, ping, ssh, BGP), live in `router`.
"""

from . import daemon, document, netns, paths, wait, web
from .node import Node

WEBS = ("web1", "web2", "web3")


class Network:
    """All namespaces, links and addresses; servers and flyoverd on request."""

    def __init__(self, lab):
        self.lab = lab
        self.client = Node(lab, "client")
        self.dataplane = Node(lab, "dataplane", ipv6=False)
        self.router = Node(lab, "router")
        self.lan = Node(lab, "lan", ipv6=False)
        self.server = Node(lab, "server")
        self.webs = {name: Node(lab, name) for name in WEBS}
        self.web = {}
        self.flyoverd = None
        self._wire()

    def _wire(self):
        netns.veth(self.client, "eth0", self.dataplane, "wan0")
        self.client.address("eth0", "10.1.0.2/24", "2001:db8:1::2/64")
        self.client.default_route("10.1.0.1", "2001:db8:1::1")

        netns.bridge(self.lan)
        netns.veth(self.lan, "flyover", self.dataplane, "lan0")
        netns.plug(self.lan, "flyover")
        self._host(self.server, "10.2.0.2", "2001:db8:2::2")
        self.server.address("lo", "10.9.0.1/16", "2001:db8:9::1/48", "10.8.0.1/32", "2001:db8:8::1/128")
        for number, (name, node) in enumerate(self.webs.items(), start=11):
            self._host(node, f"10.2.0.{number}", f"2001:db8:2::{number}")
            node.vips(*document.ALL_VIPS)
            del name

    def _host(self, node, ipv4, ipv6):
        netns.veth(self.lan, node.short, node, "eth0")
        netns.plug(self.lan, node.short)
        node.address("eth0", f"{ipv4}/24", f"{ipv6}/64")
        node.default_route("10.2.0.1", "2001:db8:2::1")

    def serve(self, decap=True):
        """nginx everywhere, and on the balancer's backends the program that opens tunnels."""
        self.web = {name: web.Web(node) for name, node in self.webs.items()}
        self.web["server"] = web.Web(self.server)
        if decap:
            programs = paths.stage(self.lab.state / "bin", ["flyover-decap"])
            for node in self.webs.values():
                node.run([programs / "flyover-decap", "attach", "eth0"])
        return self

    def start(self, config=None, taps=("wan", "lan")):
        """flyoverd with the lab's document, or with the one given; returns it when `taps` have their IPv4 addresses."""
        self.flyoverd = daemon.Flyoverd(self.dataplane, config or document.default(self.lab))
        self.flyoverd.start()
        for tap in taps:
            wait.until(lambda tap=tap: _has_address(self.router, tap), f"TAP {tap} has its addresses", 10)
        return self.flyoverd

    def reachable(self, *addresses):
        """Waits until the client gets answers from `addresses`."""
        for address in addresses or ("10.1.0.1", "2001:db8:1::1", "10.2.0.2", "2001:db8:2::2"):
            wait.until(lambda a=address: self.client.run(["ping", "-n", "-c1", "-W1", a], check=False).returncode == 0,
                       f"client reaches {address}", 15)
        return self

    def backends_up(self, seconds=15):
        wait.until(lambda: all(b["state"] == "up" for b in document.backends(self.flyoverd)),
                   "health checks find all backends well", seconds, every=0.1)
        return self


def _has_address(node, interface):
    result = node.ip(["-4", "-o", "addr", "show", "dev", interface], check=False)
    return result.returncode == 0 and "inet " in result.stdout


def standard(lab, serve=True, config=None):
    """The whole network with flyoverd running and everything reachable."""
    network = Network(lab)
    if serve:
        network.serve()
    network.start(config)
    network.reachable()
    if serve and network.flyoverd.document.get("services"):
        network.backends_up()
    return network

