#!/usr/bin/python3
"""Floods of forged SYNs, UDP and fragments, as fast as a core sends them, while downloads run and the backends change:
no connection breaks, and neither state nor memory grows."""

import copy
import time

from lab import clients, document, flood, runner, topology, wait
from lab.web import Web
from steps.server_dies import finished

SERVICES = ("ipip4", "ipip6")
SECONDS = 4
CHANGES = 5
CONNECTIONS = 500  # to each service, while things change


def config(lab):
    """The usual one, and UDP on the VIPs' port 53."""
    value = document.default(lab)
    for service in SERVICES:
        value["services"][f"udp-{service}"] = {**copy.deepcopy(value["services"][service]), "protocol": "udp", "port": 53,
                                               "health": {"icmp": {}}}
    return value


def state(net):
    shown = net.flyoverd.json("show connections --limit 0")
    return shown["entries"], shown["created"], shown["evicted"]


def received(net):
    return next(p for p in net.flyoverd.json("show ports")["ports"] if p["name"] == "wan")["rx_packets"]


def wan_mac(net):
    return next(p for p in net.flyoverd.json("show ports")["ports"] if p["name"] == "wan")["mac"]


def steady(net, says, kind, service, vip):
    """A flood on a table that does not change: no packet of it leaves anything behind."""
    crowd = clients.Downloads(net.client, document.url(vip, "/slow"), 50)
    before, memory, packets = state(net), net.flyoverd.resident_kib(), received(net)
    begun = time.monotonic()
    sent = flood.Flood(net.client, "eth0", wan_mac(net), vip, kind)
    wait.until(lambda: time.monotonic() - begun > SECONDS, "the flood's time", SECONDS + 5)
    rate = (received(net) - packets) / (time.monotonic() - begun)
    sent.stop()
    after, grown = state(net), net.flyoverd.resident_kib() - memory
    says.check(rate > 10_000, f"{kind} to {service}: {rate / 1000:.0f} k packets/s came in")
    says.equal(after, before, f"{kind} to {service}: entries there, made and pushed out stay what they were")
    says.check(grown < 4096, f"{kind} to {service}: resident memory grew by {grown} KiB")
    finished(says, crowd, f"a flood of {kind}")


def changing(net, says):
    """1,000 downloads run on while each service in turn is flooded with SYNs and its backends change."""
    crowds = [clients.Downloads(net.client, document.url(document.VIPS[s][0], "/trickle"), CONNECTIONS) for s in SERVICES]
    good = copy.deepcopy(net.flyoverd.document)
    for service in SERVICES:
        sent = flood.Flood(net.client, "eth0", wan_mac(net), document.VIPS[service][0], "syn")
        for change in range(CHANGES):
            net.flyoverd.document["services"][service]["backends"]["web1"]["weight"] = 50 + 10 * change
            net.flyoverd.reload()
        for command in ("drain", "enable"):
            net.flyoverd.flyover(f"backend {command} {service} web2")
        sent.stop()
    says.check(all(crowd.process.poll() is None for crowd in crowds), "all changes came while they ran")
    shown = net.flyoverd.json("show connections --limit 0")
    says.note(f"{len(SERVICES)} x {CHANGES} weights, a drain and its end under SYNs: {shown['entries']} entries, "
              f"{shown['created']} made, {shown['evicted']} pushed out")
    says.check(shown["entries"] <= shown["capacity"], f"{shown['entries']} entries are no more than the table's {shown['capacity']}")
    results = [r for crowd in crowds for r in crowd.finish()]
    broken = [r for r in results if r["error"] or r["sha256"] != Web.checksums["trickle"]]
    says.equal((len(results), broken[:2]), (CONNECTIONS * len(SERVICES), []),
               f"{CONNECTIONS * len(SERVICES)} downloads, {2 * CHANGES} reloads, drains and enables under floods of SYNs: 0 broken, "
               "SHA-256 is right")
    net.flyoverd.document.update(good)
    net.flyoverd.reload()


def body(lab, says):
    net = topology.standard(lab, config=config(lab))
    for service in SERVICES:
        vip = document.VIPS[service][0]
        for kind in flood.KINDS:
            if kind == "fragments" and service == "ipip4":
                continue  # net_af_packet puts IPv4 fragments together before we see them
            says.progress(f"{kind}, {service}")
            steady(net, says, kind, service, vip)
    says.progress("changes")
    changing(net, says)
    return net


if __name__ == "__main__":
    runner.main("flood", body, __doc__)
