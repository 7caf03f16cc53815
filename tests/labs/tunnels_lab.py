#!/usr/bin/python3
"""Tunnels: TCP of real programs, IPv4 and IPv6, goes through every kind of tunnel between two data planes, over IPv4 and
IPv6, and through VXLAN to a Linux kernel's; what the kernel itself sends on a tunnel's TAP arrives; a narrower path is
told to the inner sender.

    client -- wan [ a ] up == tunnel == up [ b ] -- site
                        `---- VXLAN ---- linux
"""

from lab import daemon, document, netns, runner, wait, web
from lab.node import Node
from steps.routed import download

# Name -> (kind, family of the outer addresses, what else the ends must agree on).
KINDS = {
    "ipip4": ("ipip", 4, {}), "ipip6": ("ipip", 6, {}),
    "gre4": ("gre", 4, {"key": 42}), "gre6": ("gre", 6, {}),
    "vxlan4": ("vxlan", 4, {"vni": 7}), "vxlan6": ("vxlan", 6, {"vni": 7}),
}
NUMBER = {name: 11 + n for n, name in enumerate(KINDS)}
LINUX_VNI = 99


class Net:
    def __init__(self, lab, client):
        self.lab = lab
        self.client = client


def up(host):
    return [f"10.3.0.{host}/24", f"2001:db8:3::{host}/64"]


def inside(number, host):
    return [f"10.{number}.0.{host}/24", f"2001:db8:{number}::{host}/64"]


def site(number):
    """The site's address that is reached through the tunnel of this number."""
    return [f"10.50.0.{number}", f"2001:db8:50::{number}"]


def bare(addresses):
    return [a.split("/")[0] for a in addresses]


def tunnels(host, other):
    ports = {}
    for name, (kind, family, more) in KINDS.items():
        local, remote = (bare(up(h))[0 if family == 4 else 1] for h in (host, other))
        ports[name] = {"tunnel": {"kind": kind, "local": local, "remote": remote, **more},
                       "addresses": inside(NUMBER[name], host)}
    return ports


def config(lab, name, number, ports, routes):
    value = document.base(lab, name, router=f"{lab.prefix}router-{name}")
    value["ports"] = ports
    value["metrics"]["listen"] = f"127.0.0.1:{9142 + number}"
    value["routes"] = [{"to": to, "via": via} for to, via in routes]
    return value


def port(flyoverd, name):
    return next(p for p in flyoverd.json("show ports")["ports"] if p["name"] == name)


def ping(node, *arguments):
    return node.run(["ping", "-n", "-c", "1", "-W", "1", *arguments], check=False).returncode == 0


def build(lab):
    client, far, linux = Node(lab, "client"), Node(lab, "site"), Node(lab, "linux")
    planes = {n: Node(lab, f"dataplane-{n}", ipv6=False) for n in "ab"}
    routers = {n: Node(lab, f"router-{n}") for n in "ab"}
    netns.veth(client, "eth0", planes["a"], "wan0")
    netns.veth(planes["a"], "up0", planes["b"], "up0")
    netns.veth(planes["b"], "site0", far, "eth0")
    netns.veth(planes["a"], "third0", linux, "eth0")
    client.address("eth0", "10.1.0.2/24", "2001:db8:1::2/64")
    client.default_route("10.1.0.1", "2001:db8:1::1")
    far.address("eth0", "10.50.0.2/24", "2001:db8:50::2/64")
    far.default_route("10.50.0.1", "2001:db8:50::1")
    for number in NUMBER.values():
        far.address("eth0", *(f"{a}/{128 if ':' in a else 32}" for a in site(number)))
    linux.address("eth0", "10.4.0.2/24")
    linux.ip(f"link add v99 type vxlan id {LINUX_VNI} local 10.4.0.2 remote 10.4.0.1 dstport 4789 dev eth0")
    linux.ip("link set v99 mtu 1450 up")
    linux.address("v99", *inside(99, 2))
    linux.default_route(*bare(inside(99, 1)))
    there, back = [], []
    for name, number in NUMBER.items():
        there += [(f"{a}/{128 if ':' in a else 32}", via) for a, via in zip(site(number), bare(inside(number, 2)))]
    back = [("10.1.0.0/24", bare(inside(NUMBER["ipip4"], 1))[0]),
            ("2001:db8:1::/64", bare(inside(NUMBER["ipip4"], 1))[1])]
    a_ports = {"wan": {"device": document.af_packet(0, "wan0"), "addresses": ["10.1.0.1/24", "2001:db8:1::1/64"]},
               "up": {"device": document.af_packet(1, "up0"), "addresses": up(1)},
               "third": {"device": document.af_packet(2, "third0"), "addresses": ["10.4.0.1/24"]},
               **tunnels(1, 2),
               "linux": {"tunnel": {"kind": "vxlan", "local": "10.4.0.1", "remote": "10.4.0.2", "vni": LINUX_VNI},
                         "addresses": inside(99, 1)}}
    b_ports = {"site": {"device": document.af_packet(0, "site0"), "addresses": ["10.50.0.1/24", "2001:db8:50::1/64"]},
               "up": {"device": document.af_packet(1, "up0"), "addresses": up(2)}, **tunnels(2, 1)}
    boxes = {n: daemon.Flyoverd(planes[n], value, name=f"flyoverd-{n}").start() for n, value in (
        ("a", config(lab, "a", 0, a_ports, there)), ("b", config(lab, "b", 1, b_ports, back)))}
    return Net(lab, client), routers, far, linux, boxes


def body(lab, says):
    net, routers, far, linux, boxes = build(lab)
    servers = [web.Web(far), web.Web(linux)]
    for name, number in NUMBER.items():
        for address in bare(inside(number, 2)):
            says.expect(lambda a=address: wait.until(lambda: ping(routers["a"], a), "an answer", 15),
                        f"{name}: the kernel of a pings that of b, {address}, on the tunnel's TAP")
        for address in site(number):
            says.expect(lambda a=address: wait.until(lambda: ping(net.client, a), "an answer", 15),
                        f"{name}: the client reaches {address}")
            download(net, says, document.url(address, "/big.bin"), f"{name}: 10 MB through it")
        shown = port(boxes["a"], name)
        says.check(shown["tx_packets"] > 100, f"show ports counts {shown['tx_packets']} sent packets on {name}")
    for address in bare(inside(99, 2)):
        says.expect(lambda a=address: wait.until(lambda: ping(net.client, a), "an answer", 15),
                    f"Linux's VXLAN: the client reaches {address}")
        download(net, says, document.url(address, "/big.bin"), "Linux's VXLAN: 10 MB through it")
    mtu = port(boxes["a"], "gre4")["mtu"]
    says.equal(mtu, 1500 - 28, "the MTU of gre4 is that of Ethernet less its headers")
    says.check(not ping(net.client, "-M", "do", "-s", str(mtu - 28 + 1), site(NUMBER["gre4"])[0]),
               "a packet of one byte more is refused")
    learnt = net.client.ip(f"route get {site(NUMBER['gre4'])[0]}").stdout
    says.check(f"mtu {mtu}" in learnt, "and its sender learns the tunnel's MTU", learnt)
    del servers
    runner.balance(says, boxes["b"])
    return boxes["a"]


if __name__ == "__main__":
    runner.main("tunnels", body, __doc__)
