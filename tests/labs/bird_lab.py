#!/usr/bin/python3
"""BIRD on the TAPs: BGP and OSPF, IPv4 and IPv6; real TCP takes the routes, and the sessions outlive kill -9 and restart
of flyoverd."""

from lab import bird, document, runner, topology, wait, web


def speakers(net):
    net.client.address("lo", "10.77.0.1/16", "2001:db8:77::1/48")
    net.server.address("lo", "10.55.0.1/32", "2001:db8:55::1/128")
    router = bird.Bird(net.router, "10.2.0.1", bird.bgp("client4", 65001, "10.1.0.2", 65002) +
                       bird.bgp("client6", 65001, "2001:db8:1::2", 65002) + bird.ospf("lan"))
    client = bird.Bird(net.client, "10.1.0.2", bird.bgp("router4", 65002, "10.1.0.1", 65001, ["10.77.0.0/16"]) +
                       bird.bgp("router6", 65002, "2001:db8:1::1", 65001, ["2001:db8:77::/48"]))
    bird.Bird(net.server, "10.2.0.2", bird.ospf("eth0", "10.55.0.1/32", "2001:db8:55::1/128"))
    return router, client


def in_kernel(net, prefix):
    return prefix in net.router.ip(["-6" if ":" in prefix else "-4", "route"]).stdout


def fetch(net, source, host):
    """A TCP connection whose both ends lie behind routes that BIRD learnt."""
    return net.client.run(["curl", "-sg", "--max-time", "2", "--interface", source, document.url(host, "/whoami")],
                          check=False).stdout.strip()


def body(lab, says):
    net = topology.standard(lab, serve=False, config=document.base(lab))
    web.Web(net.server)
    router, client = speakers(net)
    for prefix in ("10.77.0.0/16", "2001:db8:77::/48", "10.55.0.1", "2001:db8:55::1"):
        says.expect(lambda p=prefix: wait.until(lambda: in_kernel(net, p), f"{p} in the kernel", 30),
                    f"{prefix} is a route of the router's kernel")
    says.show("router", "birdc show protocols", router.show("show protocols"), lines=14)
    pairs = (("10.77.0.1", "10.55.0.1"), ("2001:db8:77::1", "2001:db8:55::1"))
    for source, host in pairs:
        says.expect(lambda s=source, h=host: wait.until(lambda: fetch(net, s, h) == "server", "an answer", 10),
                    f"curl from {source} to {host}: there by OSPF, back by BGP")

    before = (router.sessions(), client.sessions())
    says.equal([len(b) for b in before], [2, 2], "two BGP sessions are up at each end")
    net.flyoverd.kill()
    net.flyoverd.start()
    for source, host in pairs:
        says.expect(lambda s=source, h=host: wait.until(lambda: fetch(net, s, h) == "server", "an answer", 15),
                    f"after kill -9 and restart: curl from {source} to {host}")
    after = (router.sessions(), client.sessions())
    says.check(all(map(bird.same_sessions, before, after)), "no BGP session was lost", f"{before}, then {after}")
    return net


if __name__ == "__main__":
    runner.main("bird", body, __doc__)
