#!/usr/bin/python3
"""docs/balancer_with_ipip_and_bgp.md, word for word: its document, its FRR configuration and its commands on the server.
Only the devices differ. The edge router learns the VIPs by BGP, and the client is served (lab/edge.py)."""

from lab import daemon, document, frr, page, paths, runner, wait, web
from lab.edge import Edge

VIPS = ("192.0.2.80", "2001:db8:100::80")
PAGE = page.Page("balancer_with_ipip_and_bgp.md")


def learnt(edge, vip):
    return any(vip in line for line in edge.ip(["-6" if ":" in vip else "-4", "route", "show", "proto", "bgp"]).stdout.splitlines())


def fetched(client, vip):
    return client.run(["curl", "-sg", "--max-time", "1", document.url(vip, "/whoami")], check=False).stdout.strip()


def body(lab, says):
    net = Edge(lab)
    client, edge, web1 = net.client, net.edge, net.web1
    config = document.base(lab)
    config.update(PAGE.document(config))
    flyoverd = daemon.Flyoverd(net.dataplane, config)
    programs = paths.stage(lab.state / "bin", ["flyover-decap"])
    says.check(PAGE.run(web1, programs) == 0, "web1: the page's commands")
    server = web.Web(web1)
    flyoverd.start()
    box = frr.Frr(net.router, {"bgpd": PAGE.block("frr")})
    # The client's networks are the edge's to announce.
    frr.Frr(edge, {"bgpd": frr.bgp(65002, "10.1.0.2", {"10.1.0.1": 65001, "2001:db8:1::1": 65001},
                                   ("10.0.0.0/24", "2001:db8::/64"))})
    for vip in VIPS:
        says.expect(lambda v=vip: wait.until(lambda: learnt(edge, v), f"{v} at the edge", 40), f"the edge has learnt {vip} by BGP")
        says.expect(lambda v=vip: wait.until(lambda: fetched(client, v) == "web1", "an answer", 20), f"the client is served at {vip}")
    says.show("router", "vtysh -c 'show bgp ipv4 unicast'", box.vtysh("show bgp ipv4 unicast"), lines=14)
    says.show("dataplane", "flyover show vips", flyoverd.flyover("show vips").stdout)
    server.stop()
    for vip in VIPS:
        says.expect(lambda v=vip: wait.until(lambda: not learnt(edge, v), f"{v} gone", 30), f"{vip} is withdrawn with its last server")
    return flyoverd


if __name__ == "__main__":
    runner.main("balancer_with_ipip_and_bgp", body, __doc__)
