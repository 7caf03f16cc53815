#!/usr/bin/python3
"""1,000 TCP connections run while backends are added, drained, re-weighted and re-ordered, services added and removed,
and the document is loaded 100 times: none breaks. (The same with 100,000 synthetic flows, whose every packet is
followed to its backend: SurvivalTest in lb/datapath.)"""

import copy

from lab import clients, document, runner, topology
from lab.web import Web

SERVICES = ("ipip4", "ipip6")
CONNECTIONS = 500  # to each
CHANGES = 100


def extra_backend(value, step, service):
    backends = value["services"][service]["backends"]
    if "extra" in backends:
        del backends["extra"]
    else:
        backends["extra"] = {"address": "10.2.0.2" if service == "ipip4" else "2001:db8:2::2", "weight": 100}
    return "a backend more, or one less"


def weights(value, step, service):
    for number, backend in enumerate(value["services"][service]["backends"].values()):
        backend["weight"] = 50 + (step * 37 + number * 61) % 150
    return "other weights"


def order(value, step, service):
    backends = value["services"][service]["backends"]
    value["services"][service]["backends"] = dict(reversed(backends.items()))
    return "the backends in another order"


def drained(value, step, service):
    backends = value["services"][service]["backends"]
    name = f"web{1 + step % 3}"
    for other, backend in backends.items():
        backend["weight"] = 0 if other == name else 100
    return "a backend drained, another one enabled"


def other_service(value, step, service):
    name = f"other-{service}"
    if name in value["services"]:
        del value["services"][name]
    else:
        value["services"] = {name: {**copy.deepcopy(value["services"][service]), "port": 81}, **value["services"]}
    return "a service more, or one less"


KINDS = (extra_backend, weights, order, drained, other_service)


def whole(says, crowds):
    results = [r for crowd in crowds for r in crowd.finish()]
    broken = [r for r in results if r["error"] or r["sha256"] != Web.checksums["trickle"]]
    says.show("client", "the downloads' end", f"{len(results)} downloads, {len(broken)} broken")
    says.equal(len(results), CONNECTIONS * len(SERVICES), "every connection has ended by itself")
    says.equal(broken[:2], [], f"{CHANGES} changes: 0 of {len(results)} connections broken, SHA-256 is right")


def body(lab, says):
    net = topology.standard(lab)
    crowds = [clients.Downloads(net.client, document.url(document.VIPS[s][0], "/trickle"), CONNECTIONS) for s in SERVICES]
    for crowd, service in zip(crowds, SERVICES):
        says.show("client", f"{CONNECTIONS} downloads from {service}", f"running on: {crowd.running}")
    good, told = copy.deepcopy(net.flyoverd.document), set()
    for step in range(CHANGES):
        told.add(KINDS[step % len(KINDS)](net.flyoverd.document, step, SERVICES[step // len(KINDS) % 2]))
        net.flyoverd.reload()
    says.check(all(crowd.process.poll() is None for crowd in crowds), "all changes came while they ran")
    says.note(f"{CHANGES} documents: {'; '.join(sorted(told))}")
    says.note(f"journal: {len(net.flyoverd.json('show journal --limit 0')['entries'])} entries")
    whole(says, crowds)
    net.flyoverd.document.update(good)
    net.flyoverd.reload()
    return net


if __name__ == "__main__":
    runner.main("hundred_changes", body, __doc__)
