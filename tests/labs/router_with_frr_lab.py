#!/usr/bin/python3
"""docs/router_with_frr.md, word for word: its document and its FRR configuration between two BGP neighbours. Only the
devices differ: veths instead of PCI addresses."""

from lab import document, frr, page, runner, topology, wait, web

PAGE = page.Page("router_with_frr.md")
# What each neighbour announces, and where a connection through the router ends.
ROUTES = {"client": ("10.77.0.0/16", "2001:db8:77::/48"), "server": ("10.9.0.0/16", "2001:db8:9::/48")}
ENDS = (("10.77.0.1", "10.9.0.1"), ("2001:db8:77::1", "2001:db8:9::1"))


def neighbors(net):
    """The two BGP speakers around the router; the client's default route would hide what BGP does."""
    net.client.address("lo", "10.77.0.1/16", "2001:db8:77::1/48")
    for node in (net.client, net.server):
        node.ip("-4 route del default")
        node.ip("-6 route del default")
    frr.Frr(net.client, {"bgpd": frr.bgp(65002, "10.1.0.2", {"10.1.0.1": 65001, "2001:db8:1::1": 65001},
                                         ROUTES["client"])})
    frr.Frr(net.server, {"bgpd": frr.bgp(65003, "10.2.0.2", {"10.2.0.1": 65001, "2001:db8:2::1": 65001},
                                         ROUTES["server"])})


def body(lab, says):
    config = document.base(lab)
    config.update(PAGE.document(config))
    net = topology.standard(lab, serve=False, config=config)
    web.Web(net.server)
    neighbors(net)
    router = frr.Frr(net.router, {"bgpd": PAGE.block("frr")})
    for prefixes in ROUTES.values():
        for prefix in prefixes:
            family = "-6" if ":" in prefix else "-4"
            says.expect(lambda f=family, p=prefix: wait.until(
                lambda: p in net.router.ip([f, "route", "show", "proto", "bgp"]).stdout, "it", 30),
                f"{prefix} is a BGP route of the kernel")
    says.show("router", "vtysh -c 'show bgp summary'", router.vtysh("show bgp summary"), lines=14)
    for source, host in ENDS:
        fetch = ["curl", "-sg", "--max-time", "2", "--interface", source, document.url(host, "/whoami")]
        says.expect(lambda c=fetch: wait.until(lambda: net.client.run(c, check=False).stdout == "server\n", "it", 15),
                    f"curl from {source} to {host}: both ways are known by BGP alone")
    shown = net.flyoverd.flyover("show routes").stdout
    says.show("dataplane", "flyover show routes", shown, lines=12)
    says.check(all(p in shown for prefixes in ROUTES.values() for p in prefixes), "Flyover forwards by all of them", shown)
    return net


if __name__ == "__main__":
    runner.main("router_with_frr", body, __doc__)
