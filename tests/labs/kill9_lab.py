#!/usr/bin/python3
"""kill -9 of flyoverd: the TAPs keep their carrier, a restart adopts them, an FRR session outlives both.

The session's TCP connection lives in the router's kernel, over the TAP. Without the holder process the TAP would lose
its carrier, its routes would turn `linkdown`, and eBGP would reset at once.
"""

import time

from lab import clients, document, frr, runner, topology, wait

BEHIND_CLIENT = "10.77.0.1"
RESUME = 10.0  # seconds from the start of the new daemon to the first packet; EAL and 2 busy cores


def carrier(net, tap):
    return "LOWER_UP" in (net.router.link(tap) or {"flags": []})["flags"]


def session(speaker, peer):
    state = speaker.neighbor(peer)
    return state.get("bgpState"), state.get("connectionsEstablished"), state.get("connectionsDropped")


def keepalives(speaker, peer):
    return speaker.neighbor(peer)["messageStats"]["keepalivesRecv"]


def body(lab, says):
    net = topology.standard(lab, serve=False, config=document.base(lab))
    net.client.address("lo", f"{BEHIND_CLIENT}/32")
    ours = frr.Frr(net.router, {"bgpd": frr.bgp(65001, "10.1.0.1", {"10.1.0.2": 65002})})
    theirs = frr.Frr(net.client, {"bgpd": frr.bgp(65002, "10.1.0.2", {"10.1.0.1": 65001}, ["10.77.0.0/16"])})
    wait.until(lambda: ours.established("10.1.0.2"), "the BGP session", 30)
    wait.until(lambda: "10.77.0.0/16" in net.router.run("ip route").stdout, "the route learnt by BGP", 10)
    ping = ["ping", "-n", "-c", "1", "-W", "1", BEHIND_CLIENT]
    says.expect(lambda: wait.until(lambda: net.server.run(ping, check=False).returncode == 0, "an answer", 5),
                "the route learnt by BGP forwards")
    taps = {t: net.router.link(t)["ifindex"] for t in ("wan", "lan")}
    before = session(ours, "10.1.0.2")

    net.flyoverd.kill()
    says.show("dataplane", "kill -9 flyoverd")
    dead = net.server.run(ping, check=False)
    says.check(dead.returncode != 0, "nothing is forwarded while it is dead")
    says.check(carrier(net, "wan") and carrier(net, "lan"), "the TAPs keep their carrier")
    routes = says.run(net.router, "ip route").stdout
    says.check("10.77.0.0/16" in routes and "linkdown" not in routes, "no route is lost or linkdown", routes)

    probe = clients.Probe(net.server, BEHIND_CLIENT, every_ms=5, seconds=RESUME + 5)
    started = time.monotonic()
    net.flyoverd.start()
    line = probe.first_answer(RESUME + 5)
    probe.stop()
    took = line["received"] - started if line else None
    says.check(took is not None and took <= RESUME, f"traffic resumed {took or 0:.2f} s after the restart began")
    says.equal({t: net.router.link(t)["ifindex"] for t in taps}, taps, "the TAPs are the same ones")

    seen = keepalives(ours, "10.1.0.2")
    says.expect(lambda: wait.until(lambda: keepalives(ours, "10.1.0.2") >= seen + 2, "two more keepalives", 15),
                "BGP keepalives go on")
    says.equal((before, session(ours, "10.1.0.2")), (("Established", 1, 0),) * 2, "the router's BGP session never ended")
    says.equal(session(theirs, "10.1.0.1"), ("Established", 1, 0), "and the peer saw nothing")
    return net


if __name__ == "__main__":
    runner.main("kill9", body, __doc__)
