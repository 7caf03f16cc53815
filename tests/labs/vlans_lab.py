#!/usr/bin/python3
"""VLAN sub-interfaces on a trunk between two data planes: TCP of real programs goes over tagged frames, IPv4 and IPv6,
over two VLANs of one device; each sub-interface has a TAP with ping's, ARP's and ND's kernel behind it.

    client -- wan [ a ] trunk == VLAN 100, VLAN 200 == trunk [ b ] -- site100, site200
"""

from lab import daemon, document, netns, runner, wait, web
from lab.node import Node
from steps.routed import download

VLANS = (100, 200)


class Net:
    """What the shared steps want to know."""

    def __init__(self, lab, client):
        self.lab = lab
        self.client = client


def link(vlan, host):
    return [f"10.3.{vlan}.{host}/24", f"2001:db8:3:{vlan}::{host}/64"]


def site(vlan, host):
    return [f"10.{vlan}.0.{host}/24", f"2001:db8:{vlan}::{host}/64"]


def config(lab, name, number, host, ports, routes):
    value = document.base(lab, name, router=f"{lab.prefix}router-{name}")
    value["ports"] = {"trunk": {"device": document.af_packet(9, "trunk0")}, **ports}
    for vlan in VLANS:
        value["ports"][f"trunk.{vlan}"] = {"vlan": {"port": "trunk", "id": vlan}, "addresses": link(vlan, host)}
    value["metrics"]["listen"] = f"127.0.0.1:{9142 + number}"
    value["routes"] = [{"to": to, "via": via} for to, via in routes]
    return value


def bare(addresses):
    return [a.split("/")[0] for a in addresses]


def port(flyoverd, name):
    return next(p for p in flyoverd.json("show ports")["ports"] if p["name"] == name)


def drops(flyoverd, reason):
    return next(d["packets"] for d in flyoverd.json("show drops")["drops"] if d["reason"] == reason)


def ping(node, address):
    return node.run(["ping", "-n", "-c", "1", "-W", "1", address], check=False).returncode == 0


def build(lab):
    client = Node(lab, "client")
    planes = {n: Node(lab, f"dataplane-{n}", ipv6=False) for n in "ab"}
    routers = {n: Node(lab, f"router-{n}") for n in "ab"}
    sites = {vlan: Node(lab, f"site{vlan}") for vlan in VLANS}
    netns.veth(client, "eth0", planes["a"], "wan0")
    netns.veth(planes["a"], "trunk0", planes["b"], "trunk0")
    client.address("eth0", "10.1.0.2/24", "2001:db8:1::2/64")
    client.default_route("10.1.0.1", "2001:db8:1::1")
    ports = {}
    for index, (vlan, node) in enumerate(sites.items()):
        netns.veth(node, "eth0", planes["b"], f"site{vlan}")
        node.address("eth0", *site(vlan, 2))
        node.default_route(*bare(site(vlan, 1)))
        ports[f"s{vlan}"] = {"device": document.af_packet(index, f"site{vlan}"), "addresses": site(vlan, 1)}
    there = [(to, via) for vlan in VLANS
             for to, via in ((f"10.{vlan}.0.0/24", bare(link(vlan, 2))[0]),
                             (f"2001:db8:{vlan}::/64", bare(link(vlan, 2))[1]))]
    back = [("10.1.0.0/24", bare(link(100, 1))[0]), ("2001:db8:1::/64", bare(link(100, 1))[1])]
    wan = {"wan": {"device": document.af_packet(0, "wan0"), "addresses": ["10.1.0.1/24", "2001:db8:1::1/64"]}}
    boxes = {n: daemon.Flyoverd(planes[n], value, name=f"flyoverd-{n}").start() for n, value in (
        ("a", config(lab, "a", 0, 1, wan, there)), ("b", config(lab, "b", 1, 2, ports, back)))}
    return Net(lab, client), planes, routers, sites, boxes


def body(lab, says):
    net, planes, routers, sites, boxes = build(lab)
    servers = {vlan: web.Web(node) for vlan, node in sites.items()}
    capture, path = planes["a"].capture("trunk0", "trunk", "vlan")
    for vlan in servers:
        for address in bare(site(vlan, 2)):
            says.expect(lambda a=address: wait.until(lambda: ping(net.client, a), "an answer", 15),
                        f"the client reaches {address} over VLAN {vlan}")
            download(net, says, document.url(address, "/big.bin"), f"10 MB from site{vlan}")
        for address in bare(link(vlan, 2)):
            says.check(ping(routers["a"], address), f"the kernel of a pings that of b, {address}, on trunk.{vlan}")
        shown = port(boxes["a"], f"trunk.{vlan}")
        # All that comes back takes VLAN 100.
        says.check(shown["tx_packets"] > 100 and (vlan != 100 or shown["rx_packets"] > 100),
                   f"trunk.{vlan} counts {shown['rx_packets']} received and {shown['tx_packets']} sent frames")
        says.equal(shown["device"], f"vlan {vlan} on trunk", "and show ports says what it is")
    capture.terminate()
    capture.wait()
    seen = planes["a"].run(["tcpdump", "-ner", path, "-c", "20000"], check=False).stdout
    for vlan in VLANS:
        says.check(f"vlan {vlan}, " in seen, f"tcpdump sees the tag {vlan} on the wire")
    neighbors = says.run(routers["a"], "ip neigh show dev trunk.100").stdout
    says.check(bare(link(100, 2))[0] in neighbors, "ip neigh has the other end on the sub-interface's TAP", neighbors)

    before = drops(boxes["a"], "port_down")
    routers["a"].ip("link set trunk.200 down")
    says.expect(lambda: wait.until(lambda: not ping(net.client, "10.200.0.2"), "silence", 5),
                "ip link set trunk.200 down closes VLAN 200")
    says.check(ping(net.client, "10.100.0.2"), "and not VLAN 100")
    sites[200].run(["ping", "-n", "-c", "1", "-W", "1", "10.3.200.1"], check=False)
    says.check(drops(boxes["a"], "port_down") > before, "what comes in by it is dropped as port_down")
    routers["a"].ip("link set trunk.200 up")
    says.expect(lambda: wait.until(lambda: ping(net.client, "10.200.0.2"), "an answer", 15), "up again, it forwards")
    runner.balance(says, boxes["b"])
    return boxes["a"]


if __name__ == "__main__":
    runner.main("vlans", body, __doc__)
