#!/usr/bin/python3
"""VRRP by FRR's vrrpd on a TAP, with its macvlan devices stacked on it: the virtual router's MAC and address are the
port's too. A host behind the virtual gateway is reached by TCP, IPv4 and IPv6; the router that backs it up takes the
gateway over when Flyover's vrrpd ends, and gives it back.
"""

from lab import context, document, frr, runner, topology, wait, web
from lab.node import Node
from steps.routed import download

GROUP = 5
VIRTUAL = {4: ("10.2.0.254", "00:00:5e:00:01:05"), 6: ("2001:db8:2::254", "00:00:5e:00:02:05")}


def vrrpd(node, interface, priority):
    """vrrpd with the devices that it wants its operator to make."""
    for family, (address, mac) in VIRTUAL.items():
        name = f"vrrp{family}-{GROUP}"
        node.ip(f"link add {name} link {interface} type macvlan mode bridge")
        node.ip(f"link set {name} address {mac}")
        node.address(name, f"{address}/{24 if family == 4 else 64}")
        node.ip(f"link set {name} up")
    return frr.Frr(node, {"vrrpd": "\n".join([
        f"interface {interface}", f" vrrp {GROUP}", f" vrrp {GROUP} priority {priority}",
        f" vrrp {GROUP} advertisement-interval 200", f" vrrp {GROUP} ip {VIRTUAL[4][0]}",
        f" vrrp {GROUP} ipv6 {VIRTUAL[6][0]}"])})


def status(daemon, family):
    entries = daemon.json("show vrrp")
    return entries[0].get(f"v{family}", {}).get("status") if entries else None


def gateway_mac(net, family):
    """Whom the server knows behind the virtual gateway."""
    net.server.ip("neigh flush dev eth0", check=False)
    address = VIRTUAL[family][0]
    net.server.run(["ping", "-n", "-c", "1", "-W", "1", address], check=False)
    words = net.server.ip(f"neigh show {address}").stdout.split()
    return words[words.index("lladdr") + 1] if "lladdr" in words else None


def answers(net, family):
    return net.server.run(["ping", "-n", "-c", "1", "-W", "1", VIRTUAL[family][0]], check=False).returncode == 0


def body(lab, says):
    net = topology.standard(lab, serve=False, config=document.base(lab))
    web.Web(net.server)
    backup = Node(lab, "backup")
    net._host(backup, "10.2.0.3", "2001:db8:2::3")
    for node in (net.router, backup):
        # What FRR's manual asks for: a virtual address is answered for by its own device only.
        node.sysctl("net.ipv4.conf.all.arp_ignore", 1)
    ours = vrrpd(net.router, "lan", 200)
    theirs = vrrpd(backup, "eth0", 100)
    for family in VIRTUAL:
        says.expect(lambda f=family: wait.until(lambda: status(ours, f) == "Master" and status(theirs, f) == "Backup",
                                                "the roles", 15), f"IPv{family}: Flyover's vrrpd is the master")
        says.equal(gateway_mac(net, family), VIRTUAL[family][1], f"IPv{family}: the gateway has the virtual MAC")
    for family, (address, _) in VIRTUAL.items():
        net.server.ip(f"-{family} route replace default via {address}")
    for family, address in ((4, "10.2.0.2"), (6, "2001:db8:2::2")):
        download(net, says, document.url(address, "/big.bin"),
                 f"IPv{family}: the client loads 10 MB from the host behind the virtual gateway")
    before = dropped(net, "not_for_us")
    context.stop(ours.processes["vrrpd"])
    for name in ("vrrp4-5", "vrrp6-5"):
        net.router.ip(f"link set {name} down")
    for family in VIRTUAL:
        says.expect(lambda f=family: wait.until(lambda: status(theirs, f) == "Master" and answers(net, f),
                                                "the other takes over", 15),
                    f"IPv{family}: when it ends, the backup answers for the gateway")
    net.server.run(["ping", "-n", "-c", "1", "-W", "1", "10.1.0.2"], check=False)
    says.check(dropped(net, "not_for_us") >= before, "Flyover no longer takes frames for the virtual MAC")
    return net


def dropped(net, reason):
    return next(d["packets"] for d in net.flyoverd.json("show drops")["drops"] if d["reason"] == reason)


if __name__ == "__main__":
    runner.main("vrrp", body, __doc__)
