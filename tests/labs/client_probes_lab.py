#!/usr/bin/python3
"""Health checks that travel as clients' packets do (`as_client`), by every way to a backend: a server that does not open
the tunnel, or lacks the VIP, fails them, where an ordinary check of the same server goes on being content."""

import copy
import time

from lab import encapsulations, kernel, runner, topology, wait

CHECK = {"http": {"path": "/healthz", "body": "well"}, "as_client": True, "interval": "500ms", "timeout": "400ms",
         "fall": 2, "rise": 2}
ORDINARY = {**CHECK, "as_client": False}
# Inside the subnet of a port: the kernel of the router answers ARP and ND for them, so there they are addresses of its own.
LINKED = {"linked4": "10.2.0.100", "linked6": "2001:db8:2::100"}
UDP_PORT = 7007
SECONDS = 3
_UDP = """
import socket
s = socket.socket(socket.AF_INET6 if ":" in "{vip}" else socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("{vip}", {port}))
print("ready", flush=True)
while True:
    data, peer = s.recvfrom(2048)
    s.sendto(b"pong", peer)
"""


def config(lab):
    """All encapsulations, each with such a check; two VIPs of the servers' own subnet; other kinds of checks; and one
    service whose check is ordinary."""
    made, vips = encapsulations.config(lab)
    services = made["services"]
    for name, vip in LINKED.items():
        like = "l2dsr4" if name == "linked4" else "ipip-6in6"
        services[name] = {**copy.deepcopy(services[like]), "vip": vip}
        vips[name] = vip
    for service in services.values():
        service["health"] = copy.deepcopy(CHECK)
    for kind, check in (("tcp", {"tcp": {}}), ("icmp", {"icmp": {}}), ("udp", {"udp": {"send": "ping", "answer": "pong"}})):
        for like in ("gre-4in6", "gue1-6in4"):
            service = copy.deepcopy(services[like])
            service["health"] = {**copy.deepcopy(CHECK), **copy.deepcopy(check)}
            del service["health"]["http"]
            service["port"] = {"tcp": 80, "icmp": 81, "udp": UDP_PORT}[kind]
            service["protocol"] = "udp" if kind == "udp" else "tcp"
            if kind == "tcp":  # the same port as the one it is like
                service["vip"] = vips[f"tcp-{like}"] = "192.0.2.200" if "4in" in like else "2001:db8:100::200"
            services[f"{kind}-{like}"] = service
    services["ordinary"] = {**copy.deepcopy(services["ipip-4in4"]), "port": 82,
                            "health": {**copy.deepcopy(ORDINARY), "http": {"path": "/healthz", "port": 80}}}
    return made, vips


def states(net):
    """{(service, server): (state, reason)}"""
    shown = net.flyoverd.json("show backends")["backends"]
    return {(b["service"], b["name"]): (b["state"], b["reason"]) for b in shown}


def down(net):
    return {key for key, (state, _) in states(net).items() if state == "down"}


def all_up(net):
    return all(state == "up" for state, _ in states(net).values())


def becomes(net, says, wanted, what):
    """Exactly these are down."""
    says.expect(lambda: wait.until(lambda: down(net) == wanted, what, 15, every=0.1), what)
    odd = down(net) ^ wanted
    if odd:
        says.note(f"differ: {sorted(odd)[:8]} " + str({k: states(net)[k] for k in sorted(odd)[:4]}))


def no_resets(net):
    """While the first neighbours were found probes failed whose servers still tried: those are reset, rightly."""
    before, begun = kernel.snmp(net.router, "Tcp", "OutRsts"), time.monotonic()
    wait.until(lambda: time.monotonic() - begun > SECONDS, "the interval", SECONDS + 1)
    return kernel.snmp(net.router, "Tcp", "OutRsts") == before


def heals(net, says, what):
    says.expect(lambda: wait.until(lambda: all_up(net), what, 15, every=0.1), what)


def body(lab, says):
    net = topology.Network(lab)
    net.serve(decap=False)
    document, vips = config(lab)
    program = encapsulations.prepare(net, vips)
    for node in net.webs.values():
        for like in ("gre-4in6", "gue1-6in4"):
            udp = node.background(["python3", "-u", "-c", _UDP.format(vip=vips[like], port=UDP_PORT)], f"udp-{like}", stdout=-1)
            assert udp.stdout.readline().strip() == b"ready"
    net.start(document)
    net.reachable()
    services = document["services"]
    says.expect(lambda: wait.until(lambda: all_up(net), "all up", 20, every=0.1),
                f"{len(services) - 1} services, every encapsulation and pair of families: all servers answer as to a client")
    if not all_up(net):
        says.note(str({k: v for k, v in states(net).items() if v[0] != "up"}))
    says.expect(lambda: wait.until(lambda: no_resets(net), "no reset", 20),
                f"for {SECONDS} s of probes the router's kernel sends no reset into connections that it does not know")

    web1 = net.webs["web1"]
    web1.run([program, "detach", "eth0"])
    tunnels = {(name, "web1") for name, service in services.items()
               if service["forward"] != "l2dsr" and name != "ordinary"}
    becomes(net, says, tunnels, "a server that opens no tunnels is down, by all ways but L2-DSR")
    says.check(states(net)[("ipip-4in4", "web1")][1].startswith("as a client: no answer"),
               f"the reason: {states(net)[('ipip-4in4', 'web1')][1]}")
    says.equal(states(net)[("ordinary", "web1")][0], "up", "the ordinary check of that server notices nothing")
    encapsulations.attach(web1, program, vips)
    heals(net, says, "it is up again when it opens them again")

    web2, lost = net.webs["web2"], vips["l2dsr4"]
    web2.ip(f"addr del {lost}/32 dev lo")
    becomes(net, says, {("l2dsr4", "web2")}, "a server without the VIP is down, for that service alone")
    web2.address("lo", f"{lost}/32")
    heals(net, says, "it is up again when it has the VIP again")

    net.web["web3"].stop()
    found = {(name, "web3") for name, service in services.items()
             if {"http", "tcp"} & set(service["health"])}
    becomes(net, says, found, "a server whose nginx has stopped is down for HTTP and TCP, not for ICMP and UDP")
    says.check("refused" in states(net)[("gre-4in4", "web3")][1], f"the reason: {states(net)[('gre-4in4', 'web3')][1]}")
    return net


if __name__ == "__main__":
    runner.main("client_probes", body, __doc__)
