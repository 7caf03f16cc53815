"""Boxes with the same document side by side behind a router that spreads flows over them (ECMP by ports).

      client -- eth0 [ edge ] -+- wan switch ---- [ box 1, box 2, ... ] ---- lan switch -+- web1, web2, web3
                               +---------------------------------------------------------+   (the servers' replies)
"""

from . import daemon, document, netns, paths, wait, web
from .node import Node

SERVICES = ("ipip4", "ipip6")
VIPS = [document.VIPS[service][0] for service in SERVICES]
METRICS_PORT = 9142
SEED = 7


class Box:
    """One flyoverd with the namespaces of its devices and of its TAPs."""

    def __init__(self, lab, number):
        self.number = number
        self.dataplane = Node(lab, f"dataplane-{number}", ipv6=False)
        self.router = Node(lab, f"router-{number}")
        self.wan = (f"10.1.0.{10 + number}", f"2001:db8:1::{10 + number}")
        self.lan = (f"10.2.0.{100 + number}", f"2001:db8:2::{100 + number}")
        self.flyoverd = None

    def start(self, seed=SEED):
        lab = self.dataplane.lab
        value = document.base(lab, f"box-{self.number}", router=self.router.name)
        value["balancer"] = {"seed": seed, "source": dict(zip(("ipv4", "ipv6"), self.lan))}
        value["ports"]["wan"]["addresses"] = [f"{self.wan[0]}/24", f"{self.wan[1]}/64"]
        value["ports"]["lan"]["addresses"] = [f"{self.lan[0]}/24", f"{self.lan[1]}/64"]
        value["metrics"]["listen"] = f"0.0.0.0:{METRICS_PORT}"
        value["routes"] = [{"to": "0.0.0.0/0", "via": "10.1.0.2"}, {"to": "::/0", "via": "2001:db8:1::2"}]
        value["services"] = {"ipip4": document.service("ipip4", "ipip", 4), "ipip6": document.service("ipip6", "ipip", 6)}
        self.flyoverd = daemon.Flyoverd(self.dataplane, value, name=f"flyoverd-{self.number}")
        self.flyoverd.start()
        wait.until(lambda: all(b["state"] == "up" for b in document.backends(self.flyoverd)),
                   f"box {self.number} finds all backends well", 20, every=0.1)

    def packets(self):
        """To its services, since its start."""
        return sum(s["packets"] for s in self.flyoverd.json("show services")["services"])


class Fleet:
    """The network, with servers and boxes running; the edge sends to all of them."""

    def __init__(self, lab, boxes=3):
        self.client, self.edge = Node(lab, "client"), Node(lab, "edge")
        self.switches = {name: Node(lab, name, ipv6=False) for name in ("wan", "lan")}
        for switch in self.switches.values():
            netns.bridge(switch)
        netns.veth(self.client, "eth0", self.edge, "eth0")
        self.client.address("eth0", "10.0.0.2/24", "2001:db8::2/64")
        self.client.default_route("10.0.0.1", "2001:db8::1")
        self.edge.address("eth0", "10.0.0.1/24", "2001:db8::1/64")
        self._plug("wan", self.edge, "wan0")
        self._plug("lan", self.edge, "lan0")
        self.edge.address("wan0", "10.1.0.2/24", "2001:db8:1::2/64")
        self.edge.address("lan0", "10.2.0.1/24", "2001:db8:2::1/64")
        for key in ("ipv4.ip_forward", "ipv6.conf.all.forwarding", "ipv4.fib_multipath_hash_policy",
                    "ipv6.fib_multipath_hash_policy"):
            self.edge.sysctl("net." + key, 1)
        self._serve(lab)
        self.boxes = [Box(lab, number) for number in range(1, boxes + 1)]
        for box in self.boxes:
            self._plug("wan", box.dataplane, "wan0")
            self._plug("lan", box.dataplane, "lan0")
            box.start()

    def _plug(self, switch, node, interface):
        port = f"p{node.short}"[:15]
        netns.veth(self.switches[switch], port, node, interface)
        netns.plug(self.switches[switch], port)

    def _serve(self, lab):
        programs = paths.stage(lab.state / "bin", ["flyover-decap"])
        for number in (1, 2, 3):
            node = Node(lab, f"web{number}")
            self._plug("lan", node, "eth0")
            node.address("eth0", f"10.2.0.{10 + number}/24", f"2001:db8:2::{10 + number}/64")
            node.default_route("10.2.0.1", "2001:db8:2::1")
            node.vips(*VIPS)
            web.Web(node)
            node.run([programs / "flyover-decap", "attach", "eth0"])

    def spread_over(self, *boxes):
        """What a routing daemon at the edge does when a box announces or goes."""
        for vip in VIPS:
            family = 1 if ":" in vip else 0
            hops = " ".join(f"nexthop via {box.wan[family]} dev wan0" for box in boxes)
            self.edge.ip(f"{'-6 ' if family else ''}route replace {vip} {hops}")

    def compare(self, *boxes):
        """`flyover fleet` at the edge; (exit code, answer)."""
        flyoverd = self.boxes[0].flyoverd
        command = [flyoverd.bin / "flyover", "fleet", *[f"{box.lan[0]}:{METRICS_PORT}" for box in boxes]]
        result = self.edge.run(command, check=False, env=flyoverd.env)
        return result.returncode, result.stdout
