"""A box that announces its VIPs to the router in front of it.

      client -- eth0 [ edge: a routing daemon ] up0 -- wan [ flyoverd; router namespace: a routing daemon ] lan -- web1
"""

from . import netns
from .node import Node


class Edge:
    """Namespaces, links and addresses; the edge forwards. `dataplane` and `router` are the box's."""

    def __init__(self, lab):
        self.client, self.edge, self.web1 = Node(lab, "client"), Node(lab, "edge"), Node(lab, "web1")
        self.dataplane, self.router = Node(lab, "dataplane", ipv6=False), Node(lab, "router")
        netns.veth(self.client, "eth0", self.edge, "eth0")
        netns.veth(self.edge, "up0", self.dataplane, "wan0")
        netns.veth(self.web1, "eth0", self.dataplane, "lan0")
        self.client.address("eth0", "10.0.0.2/24", "2001:db8::2/64")
        self.client.default_route("10.0.0.1", "2001:db8::1")
        self.edge.address("eth0", "10.0.0.1/24", "2001:db8::1/64")
        self.edge.address("up0", "10.1.0.2/24", "2001:db8:1::2/64")
        for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
            self.edge.sysctl(key, 1)
        self.web1.address("eth0", "10.2.0.11/24", "2001:db8:2::11/64")
        self.web1.default_route("10.2.0.1", "2001:db8:2::1")
