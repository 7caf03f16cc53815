#!/usr/bin/python3
"""VIPs announced by routing daemons: Flyover puts them into a table of the kernel while they have backends; BIRD and FRR
on the box tell a router, from which the client's packets come (lab/edge.py)."""

import copy
import time

from lab import bird, daemon, document, frr, runner, wait, web
from lab.edge import Edge

VIPS = ("192.0.2.1", "2001:db8:100::1")
HOLD_UP, HOLD_DOWN = 2.0, 1.0
TABLE = 171


def config(lab):
    value = document.base(lab)
    value["routes"] = [{"to": "10.0.0.0/24", "via": "10.1.0.2"}, {"to": "2001:db8::/64", "via": "2001:db8:1::2"}]
    value["balancer"] = {"source": {"ipv4": "10.2.0.1", "ipv6": "2001:db8:2::1"},
                         "announce": {"table": TABLE, "hold_up": f"{HOLD_UP * 1000:.0f}ms", "hold_down": f"{HOLD_DOWN * 1000:.0f}ms"}}
    value["services"] = {}
    for family, vip, backend in ((4, VIPS[0], "10.2.0.11"), (6, VIPS[1], "2001:db8:2::11")):
        service = document.service(f"dsr{family}", "l2dsr", family)
        service["vip"] = [vip]
        service["backends"] = {"web1": {"address": backend}}
        service["health"].update(interval="200ms", timeout="200ms")
        value["services"][f"dsr{family}"] = service
    # Of a service that is not announced: nobody hears of it.
    value["services"]["quiet"] = dict(copy.deepcopy(value["services"]["dsr4"]), vip=["192.0.2.7"], announce=False)
    return value


def build(lab):
    net = Edge(lab)
    net.web1.vips(*VIPS, "192.0.2.7")
    return net.client, net.edge, net.web1, net.router, daemon.Flyoverd(net.dataplane, config(lab))


def routed(node, vip):
    return any(vip in line for line in node.ip(["-6" if ":" in vip else "-4", "route"]).stdout.splitlines())


def fetched(client, vip):
    return client.run(["curl", "-sg", "--max-time", "1", document.url(vip, "/whoami")], check=False).stdout.strip()


def announced_and_withdrawn(says, who, client, edge, web1, server, flyoverd):
    states = lambda: {v["vip"]: v["state"] for v in flyoverd.json("show vips")["vips"]}
    for vip in VIPS:
        says.expect(lambda v=vip: wait.until(lambda: routed(edge, v), f"{v} at the edge", 30), f"{who}: the edge has learnt {vip}")
        says.expect(lambda v=vip: wait.until(lambda: fetched(client, v) == "web1", "an answer", 10), f"{who}: the client is served at {vip}")
    says.check(not routed(edge, "192.0.2.7"), f"{who}: a VIP with announce: false is not told")
    says.equal(set(states().values()), {"announced"}, f"{who}: show vips says so")
    server.stop()
    begun = time.monotonic()
    for vip in VIPS:
        says.expect(lambda v=vip: wait.until(lambda: not routed(edge, v), f"{v} gone", 20), f"{who}: {vip} is withdrawn when its backends are down")
    took = time.monotonic() - begun
    says.check(took >= HOLD_DOWN, f"{who}: after {took:.1f} s, not before the hold of {HOLD_DOWN:.0f} s")
    server.start()
    begun = time.monotonic()
    for vip in VIPS:
        says.expect(lambda v=vip: wait.until(lambda: fetched(client, v) == "web1", "an answer", 30), f"{who}: back, {vip} is announced and serves again")
    took = time.monotonic() - begun
    says.check(took >= HOLD_UP, f"{who}: after {took:.1f} s, not before the hold of {HOLD_UP:.0f} s")


def by_bird(lab, says, nodes, flyoverd, server):
    client, edge, web1, router = nodes
    # BIRD takes the box's table in as it is; `learn` is what lets it see routes that it did not make.
    table = "".join(f"""
ipv{f} table vips{f};
protocol kernel vip{f} {{ ipv{f} {{ table vips{f}; import all; export none; }}; kernel table {TABLE}; learn; scan time 1; }}
protocol bgp edge{f} {{ local as 65001; neighbor {peer} as 65002; connect retry time 1; connect delay time 1; hold time 9;
  ipv{f} {{ table vips{f}; import none; export all; next hop self; }}; }}
""" for f, peer in ((4, "10.1.0.2"), (6, "2001:db8:1::2")))
    box = bird.Bird(router, "10.1.0.1", table)
    far = bird.Bird(edge, "10.1.0.2", "".join(f"""
protocol bgp box{f} {{ local as 65002; neighbor {peer} as 65001; connect retry time 1; connect delay time 1; hold time 9;
  ipv{f} {{ import all; export none; }}; }}
""" for f, peer in ((4, "10.1.0.1"), (6, "2001:db8:1::1"))))
    announced_and_withdrawn(says, "BIRD", client, edge, web1, server, flyoverd)
    says.show("router", f"ip route show table {TABLE}", router.ip(f"route show table {TABLE}").stdout)
    return box, far


def by_frr(lab, says, nodes, flyoverd, server):
    """FRR sees the routes of the main table as kernel routes."""
    client, edge, web1, router = nodes

    def speaker(asn, router_id, peer_asn, peers, more):
        lines = [f"router bgp {asn}", f" bgp router-id {router_id}", " no bgp ebgp-requires-policy",
                 " no bgp default ipv4-unicast", " timers bgp 3 9"]
        for peer in peers:
            lines += [f" neighbor {peer} remote-as {peer_asn}", f" neighbor {peer} timers connect 1",
                      f" neighbor {peer} advertisement-interval 0"]
        for family, peer in zip(("ipv4", "ipv6"), peers):
            lines += [f" address-family {family} unicast", f"  neighbor {peer} activate", *more, " exit-address-family"]
        return {"bgpd": "\n".join(lines)}

    flyoverd.document["balancer"]["announce"]["table"] = "main"
    flyoverd.reload()
    says.equal(router.ip(f"route show table {TABLE}").stdout.strip(), "", "reload to another table: the old one is empty")
    frr.Frr(router, speaker(65001, "10.1.0.1", 65002, ("10.1.0.2", "2001:db8:1::2"), ["  redistribute kernel"]))
    frr.Frr(edge, speaker(65002, "10.1.0.2", 65001, ("10.1.0.1", "2001:db8:1::1"), []))
    announced_and_withdrawn(says, "FRR", client, edge, web1, server, flyoverd)


def drained(says, client, edge, flyoverd):
    """`flyover drain --box`, while downloads run."""
    done = flyoverd.flyover("drain --box --timeout 30s", timeout=60)
    says.show("dataplane", "flyover drain --box", done.stdout)
    for vip in VIPS:
        says.check(not routed(edge, vip), f"drain --box: {vip} is withdrawn")
    says.equal({v["state"] for v in flyoverd.json("show vips")["vips"]}, {"drained"}, "show vips says drained")
    flyoverd.flyover("enable --box")
    for vip in VIPS:
        says.expect(lambda v=vip: wait.until(lambda: fetched(client, v) == "web1", "an answer", 30), f"enable --box: {vip} serves again")


def body(lab, says):
    client, edge, web1, router, flyoverd = build(lab)
    server = web.Web(web1)
    flyoverd.start()
    says.equal({v["vip"] for v in flyoverd.json("show vips")["vips"]}, set(VIPS), "show vips has the announced ones")
    for speaker in by_bird(lab, says, (client, edge, web1, router), flyoverd, server):
        speaker.show("down")
    by_frr(lab, says, (client, edge, web1, router), flyoverd, server)
    drained(says, client, edge, flyoverd)
    held = flyoverd.json("show lookup 192.0.2.1")["lookups"][0]
    says.equal(held["action"], "none", "the FIB does not have the VIP's route")
    flyoverd.kill()
    flyoverd.process.wait()
    says.check("192.0.2.1" not in router.ip("route").stdout, "a daemon that is killed takes its VIP routes with it")
    for vip in VIPS:
        says.expect(lambda v=vip: wait.until(lambda: not routed(edge, v), f"{v} gone", 20), f"killed: {vip} is withdrawn")
    flyoverd.start()
    says.expect(lambda: wait.until(lambda: fetched(client, VIPS[0]) == "web1", "an answer", 30), "after the kill it announces again")
    flyoverd.stop()
    says.check("192.0.2.1" not in router.ip("route").stdout, "a daemon that stops takes its VIP routes with it")
    flyoverd.start()
    says.expect(lambda: wait.until(lambda: fetched(client, VIPS[0]) == "web1", "an answer", 30), "started again, it announces again")
    return flyoverd


if __name__ == "__main__":
    runner.main("announce", body, __doc__)
