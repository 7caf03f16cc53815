#!/usr/bin/python3
"""Two data planes on one machine, under different names, one behind the other.

    client -- [ a ] -- [ b ] -- server
"""

from lab import daemon, document, netns, runner, wait
from lab.node import Node


def config(lab, name, number, wan, lan, routes):
    value = document.base(lab, name, router=f"{lab.prefix}router-{name}")
    value["ports"]["wan"].update(addresses=wan)
    value["ports"]["lan"].update(addresses=lan)
    value["metrics"]["listen"] = f"127.0.0.1:{9142 + number}"
    value["routes"] = [{"to": to, "via": via} for to, via in routes]
    return value


def start(lab, name, dataplane, value):
    return daemon.Flyoverd(dataplane, value, name=f"flyoverd-{name}").start()


def body(lab, says):
    client, server = Node(lab, "client"), Node(lab, "server")
    planes = {n: Node(lab, f"dataplane-{n}", ipv6=False) for n in "ab"}
    for n in "ab":
        Node(lab, f"router-{n}")
    netns.veth(client, "eth0", planes["a"], "wan0")
    netns.veth(planes["a"], "lan0", planes["b"], "wan0")
    netns.veth(planes["b"], "lan0", server, "eth0")
    client.address("eth0", "10.1.0.2/24", "2001:db8:1::2/64")
    client.default_route("10.1.0.1", "2001:db8:1::1")
    server.address("eth0", "10.2.0.2/24", "2001:db8:2::2/64")
    server.default_route("10.2.0.1", "2001:db8:2::1")

    a = start(lab, "a", planes["a"], config(
        lab, "a", 0, ["10.1.0.1/24", "2001:db8:1::1/64"], ["10.3.0.1/24", "2001:db8:3::1/64"],
        [("10.2.0.0/24", "10.3.0.2"), ("2001:db8:2::/64", "2001:db8:3::2")]))
    b = start(lab, "b", planes["b"], config(
        lab, "b", 1, ["10.3.0.2/24", "2001:db8:3::2/64"], ["10.2.0.1/24", "2001:db8:2::1/64"],
        [("10.1.0.0/24", "10.3.0.1"), ("2001:db8:1::/64", "2001:db8:3::1")]))
    for target in ("10.2.0.2", "2001:db8:2::2"):
        wait.until(lambda t=target: client.run(["ping", "-nc1", "-W1", t], check=False).returncode == 0, target, 15)
        out = says.run(client, f"ping -n -c 5 -i 0.05 {target}", lines=3).stdout
        says.check(" 0% packet loss" in out and "=62 " in out, "both are crossed: the TTL fell by two", out)
    out = says.run(client, "traceroute -n -q 1 -w 2 -m 5 10.2.0.2").stdout
    says.equal([l.split()[1] for l in out.splitlines()[1:]], ["10.1.0.1", "10.3.0.2", "10.2.0.2"], "both show as hops")

    names = [d.json("show version")["dataplane"] for d in (a, b)]
    says.equal(names, [f"{lab.name}-a", f"{lab.name}-b"], "each answers on its own control socket")
    runner.balance(says, a)
    says.equal(a.stop(), 0, "one stops")
    says.equal(b.json("show version")["dataplane"], f"{lab.name}-b", "the other does not notice")
    return b


if __name__ == "__main__":
    runner.main("two_dataplanes", body, __doc__)
