#!/usr/bin/python3
"""Health checks that travel as clients' packets do (`as_client`), by every way to a backend: a server that does not open
the tunnel, or lacks the VIP, fails them, where an ordinary check of the same server goes on being content."""

import copy
import json
import time

from lab import encapsulations, kernel, runner, topology, wait

CHECK = {"http": {"path": "/healthz", "body": "well"}, "as_client": True, "interval": "1s", "timeout": "900ms",
         "fall": 2, "rise": 2}
ORDINARY = {**CHECK, "as_client": False}
# Inside the subnet of a port: the kernel of the router answers ARP and ND for them, so there they are addresses of its own.
LINKED = {"linked4": "10.2.0.100", "linked6": "2001:db8:2::100"}
OWN_VIP = {"tcp": 200, "icmp": 201}
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
            service["port"] = UDP_PORT if kind == "udp" else 80
            service["protocol"] = "udp" if kind == "udp" else "tcp"
            if kind in OWN_VIP:  # the same port as the one it is like
                service["vip"] = vips[f"{kind}-{like}"] = ("192.0.2.{}" if "4in" in like else "2001:db8:100::{}").format(OWN_VIP[kind])
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


def doctor(net, address):
    """{service: [text of its faults]}, and the exit code."""
    run = net.flyoverd.flyover(f"doctor backend {address} --json", check=False)
    if not run.stdout:
        return {"": [run.stderr]}, run.returncode
    shown = json.loads(run.stdout)["services"]
    return {s["service"]: [f["text"] for f in s["findings"] if f["kind"] == "fault"] for s in shown}, run.returncode


def diagnosed(net, says, address, wanted, what):
    """`wanted`: service -> a word of its only fault; all other services have none."""
    found, code = doctor(net, address)
    # Silence is no answer that could be quoted.
    wrong = {s: f for s, f in found.items()
             if (len(f) != 1 or wanted[s] not in f[0] or "answers: no answer" in f[0] if s in wanted else f)}
    says.check(found and not wrong and code == (1 if wanted else 0) and set(wanted) <= set(found),
               f"flyover doctor backend {address}: {what}", f"exit {code}: {wrong}")


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

    diagnosed(net, says, "10.2.0.12", {}, "nothing is missing")
    says.show("dataplane", "flyover doctor backend 10.2.0.12", net.flyoverd.flyover("doctor backend 10.2.0.12").stdout, lines=12)

    web1 = net.webs["web1"]
    web1.run([program, "detach", "eth0"])
    tunnels = {(name, "web1") for name, service in services.items()
               if service["forward"] != "l2dsr" and name != "ordinary"}
    becomes(net, says, tunnels, "a server that opens no tunnels is down, by all ways but L2-DSR")
    says.check(states(net)[("ipip-4in4", "web1")][1].startswith("as a client: no answer"),
               f"the reason: {states(net)[('ipip-4in4', 'web1')][1]}")
    says.equal(states(net)[("ordinary", "web1")][0], "up", "the ordinary check of that server notices nothing")
    opened = {name: "does not open" if service["forward"] != "l3dsr" else "turn DSCP"
              for name, service in services.items() if service["forward"] != "l2dsr" and "web1" in service["backends"]
              and service["backends"]["web1"]["address"] == "10.2.0.11"}
    diagnosed(net, says, "10.2.0.11", opened, "no tunnel is opened there")
    encapsulations.attach(web1, program, vips)
    heals(net, says, "it is up again when it opens them again")

    web2, lost = net.webs["web2"], vips["l2dsr4"]
    web2.ip(f"addr del {lost}/32 dev lo")
    becomes(net, says, {("l2dsr4", "web2")}, "a server without the VIP is down, for that service alone")
    diagnosed(net, says, "10.2.0.12", {"l2dsr4": f"has not got the VIP (add it there: ip addr add {lost}/32"}, "one VIP is missing")
    web2.address("lo", f"{lost}/32")
    tunnelled = vips["gre-4in4"]
    web2.ip(f"addr del {tunnelled}/32 dev lo")
    diagnosed(net, says, "10.2.0.12", {"gre-4in4": "has not got the VIP"}, "the VIP is missing in a tunnel")
    web2.address("lo", f"{tunnelled}/32")
    heals(net, says, "it is up again when it has the VIP again")

    net.web["web3"].stop()
    found = {(name, "web3") for name, service in services.items()
             if {"http", "tcp"} & set(service["health"])}
    becomes(net, says, found, "a server whose nginx has stopped is down for HTTP and TCP, not for ICMP and UDP")
    says.check("refused" in states(net)[("gre-4in4", "web3")][1], f"the reason: {states(net)[('gre-4in4', 'web3')][1]}")
    return net


if __name__ == "__main__":
    runner.main("client_probes", body, __doc__)
