#!/usr/bin/python3
"""32 ports: every one forwards to every other, IPv4 and IPv6, and each packet comes out where it should, once.

One namespace holds the far ends of the 32 wires, without addresses: frames are written and read there as they are.
"""

import time

from lab import clients, daemon, document, netns, runner, wait
from lab.node import Node

PORTS = 32


def config(lab):
    value = document.base(lab)
    value["ports"] = {f"p{n}": {"device": f"net_af_packet{n},iface=port{n}",
                                "addresses": [f"10.100.{n}.1/24", f"2001:db8:{n}::1/64"]} for n in range(PORTS)}
    return value


def body(lab, says):
    hosts, dataplane, router = Node(lab, "hosts", ipv6=False), Node(lab, "dataplane", ipv6=False), Node(lab, "router")
    for n in range(PORTS):
        netns.veth(hosts, f"peer{n}", dataplane, f"port{n}")
    begin = time.monotonic()
    flyoverd = daemon.Flyoverd(dataplane, config(lab))
    flyoverd.start()
    ports = {p["name"]: p for p in flyoverd.json("show ports")["ports"]}
    says.equal(len(ports), PORTS, f"flyoverd runs on {PORTS} ports after {time.monotonic() - begin:.1f} s")
    for n in range(PORTS):
        for host in (f"10.100.{n}.2", f"2001:db8:{n}::2"):
            router.ip(f"neigh replace {host} lladdr 02:00:00:00:01:{n:02x} dev p{n} nud permanent")
    known = lambda: sum(1 for e in flyoverd.json("show neighbors")["neighbors"] if e["mac"].startswith("02:00:00:00:01:"))
    says.expect(lambda: wait.until(lambda: known() == 2 * PORTS, "all neighbours", 15, every=0.1),
                f"Flyover knows the {2 * PORTS} neighbours")
    result = clients.Program(hosts, "pairs", [str(PORTS), *(ports[f"p{n}"]["mac"] for n in range(PORTS))]).next(60)
    says.equal(result["wrong"], [], "no packet came out elsewhere, twice, or with other bytes")
    says.equal(result["right"], 2 * PORTS * (PORTS - 1), f"all {2 * PORTS * (PORTS - 1)} packets, one from each port to each "
                                                         "other and family, came out right")
    forwarded = [p["name"] for p in flyoverd.json("show ports")["ports"] if p["tx_packets"] < 2 * (PORTS - 1)]
    says.equal(forwarded, [], f"show ports: each port has sent {2 * (PORTS - 1)} packets or more")
    return flyoverd


if __name__ == "__main__":
    runner.main("many_ports", body, __doc__)
