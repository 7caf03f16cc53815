#!/usr/bin/python3
"""Routes of the kernel are followed within 100 ms: added, deleted, multipath, blackhole, unreachable, prohibit, IPv4
by an IPv6 next hop, links going down and up, MTU."""

import math
import time

from lab import clients, document, kernel, runner, senders, topology, wait
from steps.time_sharing import LATE, NEW, NEW_TARGET, route_appears

PING = "ping -n -c 2 -i 0.2 -W 1 "


def add_and_delete(net, says):
    for command in (f"ip route add {NEW} via 10.2.0.2", f"ip route add {NEW} via inet6 2001:db8:2::2 dev lan"):
        took = route_appears(net, says, command)
        says.check(took is not None and took <= LATE, f"`{command}` is followed within 100 ms", f"took {took}")
        probe = clients.Probe(net.client, NEW_TARGET, every_ms=1, seconds=2)
        probe.first_answer()
        net.router.run(f"ip route del {NEW}")
        done = time.monotonic()
        late = [a for a in probe.answers() if a["sent"] > done + LATE]
        says.check(not late, "and its deletion, too", f"{len(late)} answers to requests sent later")
    net.router.run("ip -6 route add 2001:db8:8::/48 via 2001:db8:2::2")
    says.expect(lambda: wait.until(lambda: net.client.run(PING + "2001:db8:8::1", check=False).returncode == 0, "it", 3),
                "an IPv6 route, too")
    net.router.run("ip -6 route del 2001:db8:8::/48")


def multipath(net, says):
    """Two gateways, weights 1 and 3; 800 flows counted by the receivers' kernels."""
    flows, web = 800, net.webs["web1"]
    web.address("lo", f"{NEW_TARGET}/32")
    net.router.run(f"ip route add {NEW} nexthop via 10.2.0.2 weight 1 nexthop via 10.2.0.11 weight 3")
    wait.until(lambda: net.client.run(PING + NEW_TARGET, check=False).returncode == 0, "the route", 3)
    senders.udp(net.client, 20, [NEW_TARGET])  # resolves both gateways
    both = (net.server, web)
    wait.until(lambda: all(n["state"] == "resolved" for n in nexthops(net)), "both gateways resolved", 5)
    before = [kernel.snmp(n, "Udp", "NoPorts") for n in both]
    senders.udp(net.client, flows, [NEW_TARGET], first_port=20000)

    def counts():
        return [kernel.snmp(n, "Udp", "NoPorts") - b for n, b in zip(both, before)]

    says.expect(lambda: wait.until(lambda: sum(counts()) == flows, f"{flows} datagrams, got {counts()}", 5),
                "multipath: nothing is lost, nothing doubled")
    share, sigma = counts()[1] / flows, math.sqrt(0.75 * 0.25 / flows)
    says.check(abs(share - 0.75) <= 4 * sigma + 0.01, f"multipath: weight 3 of 4 got {share:.1%}, 4 sigma are {4 * sigma:.1%}")
    again = counts()
    senders.udp(net.client, flows, [NEW_TARGET], first_port=20000)
    wait.until(lambda: sum(counts()) == 2 * flows, "the same flows again", 5)
    says.equal([c - a for c, a in zip(counts(), again)], again, "multipath: the same flows take the same ways")
    net.router.run(f"ip route del {NEW}")


def nexthops(net):
    return net.flyoverd.json(["show", "route", NEW_TARGET])["route"]["nexthops"]


def drop(net, reason):
    return next(d["packets"] for d in net.flyoverd.json("show drops")["drops"] if d["reason"] == reason)


def refusals(net, says):
    for kind, reason, answer in (("blackhole", "blackhole", None), ("unreachable", "unreachable_route", "Host Unreachable"),
                                 ("prohibit", "prohibited", "Packet filtered")):
        before = drop(net, reason)
        net.router.run(f"ip route add {kind} {NEW}")
        wait.until(lambda: net.flyoverd.json(["show", "route", NEW_TARGET])["route"]["action"] == kind, kind, 3)
        out = says.run(net.client, PING + NEW_TARGET, lines=3).stdout
        good = answer in out if answer else "From" not in out
        says.check(good and drop(net, reason) == before + 2,
                   f"{kind}: {'the sender is told `' + answer + '`' if answer else 'silence'}, counted as {reason}", out)
        net.router.run(f"ip route del {kind} {NEW}")
    says.check("Network Unreachable" in net.client.run(PING + NEW_TARGET, check=False).stdout
               or "Net Unreachable" in net.client.run(PING + NEW_TARGET, check=False).stdout,
               "no route: the sender is told so")


def link(net, says):
    net.router.run("ip link set lan down")
    done = time.monotonic()
    probe = clients.Probe(net.client, "10.2.0.2", every_ms=2, seconds=1)
    late = [a for a in probe.answers() if a["sent"] > done + LATE]
    says.check(not late, "`ip link set lan down` stops forwarding to it within 100 ms", f"{len(late)} later answers")
    net.router.run("ip link set lan up")
    for target in ("10.2.0.2", "2001:db8:2::2", "10.9.0.1"):
        says.expect(lambda t=target: wait.until(lambda: net.client.run(PING + t, check=False).returncode == 0, "it", 10),
                    f"`ip link set lan up`: {target} is reached again")


def mtu(net, says):
    net.router.run("ip link set lan mtu 1400")
    says.expect(lambda: wait.until(
        lambda: "mtu = 1400" in net.client.run("ping -n -c 1 -W 1 -M do -s 1400 10.2.0.2", check=False).stdout
        or "mtu=1400" in net.client.run("ping -n -c 1 -W 1 -M do -s 1400 10.2.0.2", check=False).stdout, "it", 3),
        "`ip link set lan mtu 1400`: a longer packet is answered with that MTU")
    says.check("mtu 1400" in net.client.run("ip route get 10.2.0.2").stdout, "the client has learnt it")
    net.router.run("ip link set lan mtu 1500")
    net.client.ip("route flush cache")
    says.expect(lambda: wait.until(
        lambda: net.client.run("ping -n -c 1 -W 1 -M do -s 1400 10.2.0.2", check=False).returncode == 0, "it", 3),
        "and 1500 again")


def body(lab, says):
    config = document.base(lab)
    config["routes"] = [{"to": "10.9.0.0/16", "via": "10.2.0.2"}]
    net = topology.standard(lab, serve=False, config=config)
    for part in (add_and_delete, multipath, refusals, link, mtu):
        part(net, says)
    return net


if __name__ == "__main__":
    runner.main("kernel_routes", body, __doc__)
