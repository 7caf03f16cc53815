#!/usr/bin/python3
"""FRR on the TAPs: eBGP and iBGP, OSPFv2 and OSPFv3, IS-IS, IPv4 and IPv6; real TCP takes the routes. A neighbour falls
silent while its link stays up: BFD notices, and traffic moves to the second path.

      client  AS 65002, eBGP                 web1    AS 65001, iBGP, announces 10.66.0.0/16
      router  FRR on the TAPs                server  OSPF, the near way to 10.55.0.1
                                             web2    OSPF, the far way
                                             web3    IS-IS, 10.44.0.1
"""

from lab import clients, document, frr, runner, topology, wait, web

MOVE = 1.0  # seconds without an answer; detection takes 0.3, two busy cores the rest
ANYCAST = ("10.55.0.1", "2001:db8:55::1")


def speakers(net):
    client, server, (web1, web2, web3) = net.client, net.server, net.webs.values()
    client.address("lo", "10.77.0.1/16", "2001:db8:77::1/48")
    web1.address("lo", "10.66.0.1/16", "2001:db8:66::1/48")
    for node in (server, web2):
        node.address("lo", f"{ANYCAST[0]}/32", f"{ANYCAST[1]}/128")
    web3.address("lo", "10.44.0.1/32", "2001:db8:44::1/128")

    router = frr.Frr(net.router, {
        "bgpd": frr.bgp(65001, "10.2.0.1", {"10.1.0.2": 65002, "2001:db8:1::2": 65002, "10.2.0.11": 65001,
                                            "2001:db8:2::11": 65001}),
        "bfdd": frr.bfd(), "ospfd": frr.ospf("10.2.0.1", "lan"), "ospf6d": frr.ospf("10.2.0.1", "lan", version=3),
        "isisd": frr.isis("49.0001.0100.0200.0001.00", "lan")})
    frr.Frr(client, {"bgpd": frr.bgp(65002, "10.1.0.2", {"10.1.0.1": 65001, "2001:db8:1::1": 65001},
                                     ["10.77.0.0/16", "2001:db8:77::/48"])})
    frr.Frr(web1, {"bgpd": frr.bgp(65001, "10.2.0.11", {"10.2.0.1": 65001, "2001:db8:2::1": 65001},
                                   ["10.66.0.0/16", "2001:db8:66::/48"])})
    for node, router_id, cost in ((server, "10.2.0.2", 10), (web2, "10.2.0.12", 1000)):
        frr.Frr(node, {"bfdd": frr.bfd(), "ospfd": frr.ospf(router_id, "eth0", cost),
                       "ospf6d": frr.ospf(router_id, "eth0", cost, version=3)})
    frr.Frr(web3, {"isisd": frr.isis("49.0001.0100.0200.0013.00", "eth0", loopback=True)})
    return router


def routes(net, says):
    """Every protocol's routes are in the kernel and in Flyover, and a TCP client takes them."""
    for protocol, prefix, host, name in (
            ("iBGP", "10.66.0.0/16", "10.66.0.1", "web1"), ("iBGP", "2001:db8:66::/48", "2001:db8:66::1", "web1"),
            ("OSPFv2", "10.55.0.1", "10.55.0.1", "server"), ("OSPFv3", "2001:db8:55::1", "2001:db8:55::1", "server"),
            ("IS-IS", "10.44.0.1", "10.44.0.1", "web3"), ("IS-IS", "2001:db8:44::1", "2001:db8:44::1", "web3")):
        family = "-6" if ":" in prefix else "-4"
        wait.until(lambda f=family, p=prefix: p in net.router.ip([f, "route"]).stdout, f"{protocol}: {prefix}", 40)
        says.expect(lambda h=host: wait.until(lambda: whoami(net, h) == name, f"curl {h} reaches {name}", 10),
                    f"{protocol}: {prefix} is a kernel route, and curl to {host} is served by {name}")
    for prefix, source in (("10.77.0.0/16", "10.77.0.1"), ("2001:db8:77::/48", "2001:db8:77::1")):
        family = "-6" if ":" in prefix else "-4"
        wait.until(lambda f=family, p=prefix: p in net.router.ip([f, "route"]).stdout, f"eBGP: {prefix}", 20)
        says.expect(lambda s=source: wait.until(
            lambda: net.client.run(["curl", "-sg", "--max-time", "2", "--interface", s, document.url(
                ANYCAST[1 if ":" in s else 0], "/whoami")], check=False).stdout == "server\n", "an answer", 10),
            f"eBGP: {prefix} is a kernel route, and answers to {source} take it")


def whoami(net, host):
    out = net.client.run(["curl", "-sg", "--max-time", "2", document.url(host, "/whoami")], check=False).stdout
    return out.strip()


def bfd_up(router):
    peers = router.json("show bfd peers")
    return sum(p.get("status") == "up" for p in peers) if isinstance(peers, list) else 0


def failover(net, router, says):
    wait.until(lambda: bfd_up(router) >= 4, "BFD with both neighbours, IPv4 and IPv6", 20)
    says.show("router", "vtysh -c 'show bfd peers brief'", router.vtysh("show bfd peers brief"))
    for address, family in zip(ANYCAST, ("IPv4", "IPv6")):
        says.equal(whoami(net, address), "server", f"{family}: the near way is taken")
    probes = {f: clients.Probe(net.client, a, every_ms=5, seconds=4) for a, f in zip(ANYCAST, ("IPv4", "IPv6"))}
    for probe in probes.values():
        probe.first_answer()
    # The bridge's port stays up: only silence tells that the neighbour is gone.
    net.server.ip("link set eth0 down")
    for address, family in zip(ANYCAST, ("IPv4", "IPv6")):
        received = [a["received"] for a in probes[family].answers()]
        gap = max((b - a for a, b in zip(received, received[1:])), default=99.0)
        says.note(f"{family}: longest silence {gap * 1000:.0f} ms; BFD detects after 300 ms")
        says.check(gap <= MOVE, f"{family}: traffic moved to the second path within {MOVE:g} s", f"took {gap:.2f} s")
        says.equal(whoami(net, address), "web2", f"{family}: the far way is taken")


def body(lab, says):
    net = topology.standard(lab, serve=False, config=document.base(lab))
    for node in (net.server, *net.webs.values()):
        web.Web(node)
    router = speakers(net)
    routes(net, says)
    failover(net, router, says)
    return net


if __name__ == "__main__":
    runner.main("frr", body, __doc__)
