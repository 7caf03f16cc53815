#!/usr/bin/python3
"""TCP through the TAP: iperf3 between the client and the router's own kernel, both ways. The goal is 1 Gbit/s;
what two cores that also carry both ends of iperf3 must reach is less."""

import json

from lab import document, runner, topology, wait

GOAL = 1e9
LEAST = 3e8  # below this something is broken, whatever the machine
SECONDS = 3


def measure(net, *options):
    result = net.client.run(["iperf3", "-c", "10.1.0.1", "-t", str(SECONDS), "-J", *options], check=False, timeout=30)
    try:
        return json.loads(result.stdout)["end"]["sum_received"]["bits_per_second"]
    except (KeyError, ValueError):
        return 0.0


def body(lab, says):
    net = topology.standard(lab, serve=False, config=document.base(lab))
    net.router.background("iperf3 -s", "iperf3")
    wait.until(lambda: net.router.run("ss -Hltn sport = :5201").stdout.strip(), "iperf3 listens")
    for direction, options in (("to the kernel", ()), ("from the kernel", ("-R",))):
        best = 0.0
        for _ in range(3):  # two cores carry sender, receiver, lcore and TAPs: take the best of three
            best = max(best, measure(net, *options))
            if best >= GOAL:
                break
        drops = {d["reason"]: d["packets"] for d in net.flyoverd.json("show drops")["drops"] if d["packets"]}
        says.note(f"dropped so far: {drops or 'nothing'}")
        says.note(f"{direction}: {best / 1e9:.2f} Gbit/s; the goal of {GOAL / 1e9:g} is {'' if best >= GOAL else 'not '}reached")
        says.check(best >= LEAST, f"{direction}: {best / 1e9:.2f} Gbit/s, at least {LEAST / 1e9:g}")
    return net


if __name__ == "__main__":
    runner.main("tap_throughput", body, __doc__)
