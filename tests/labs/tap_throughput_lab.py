#!/usr/bin/python3
"""TCP through the TAP: iperf3 between the client and the router's own kernel, both ways, at least 1 Gbit/s."""

import json

from lab import document, runner, topology, wait

LEAST = 1e9
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
            if best >= LEAST:
                break
        drops = {d["reason"]: d["packets"] for d in net.flyoverd.json("show drops")["drops"] if d["packets"]}
        says.note(f"dropped so far: {drops or 'nothing'}")
        says.check(best >= LEAST, f"{direction}: {best / 1e9:.2f} Gbit/s, at least {LEAST / 1e9:g}")
    return net


if __name__ == "__main__":
    runner.main("tap_throughput", body, __doc__)
