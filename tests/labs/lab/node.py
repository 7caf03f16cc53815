"""A machine of the lab: a namespace with addresses and the programs that run in it."""

from . import netns


class Node(netns.Namespace):
    """`short` is the name people see; `name` is the namespace's."""

    def __init__(self, lab, short, **options):
        super().__init__(lab.prefix + short, **options)
        self.lab = lab
        self.short = short

    def address(self, interface, *addresses):
        for address in addresses:
            nodad = " nodad" if ":" in address else ""
            self.ip(f"addr add {address} dev {interface}{nodad}")

    def default_route(self, *gateways):
        for gateway in gateways:
            self.ip(f"route add default via {gateway}")

    def vips(self, *vips):
        """Addresses on lo that this node answers for and stays silent about: only the balancer may answer ARP for
        them (arp_ignore 1: answer on the interface that has the address; arp_announce 2: never speak of lo's)."""
        for scope in ("all", "default"):
            self.sysctl(f"net.ipv4.conf.{scope}.arp_ignore", 1)
            self.sysctl(f"net.ipv4.conf.{scope}.arp_announce", 2)
        for vip in vips:
            self.address("lo", f"{vip}/{128 if ':' in vip else 32}")

    def background(self, command, name, **options):
        return self.lab.start(self, command, f"{self.short}-{name}", **options)

    def capture(self, interface, name, expression=""):
        """tcpdump into the log folder until the lab ends."""
        path = self.lab.log(f"{self.short}-{name}.pcap")
        process = self.background(["tcpdump", "-i", interface, "-U", "-Z", "root", "-w", path, *expression.split()],
                                  f"tcpdump-{name}")
        return process, path
