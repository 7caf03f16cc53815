#!/usr/bin/python3
"""No system call on a forwarding lcore: strace of its thread on ring devices, under traffic.

A net_ring device gives back what it sends, so that pings which the router's kernel sends to a neighbour that is not
there run through the lcore's whole loop: from the TAP's ring to the port, and in again, where they are dropped (not for
us). af_packet would need system calls of its own.
"""

import re

from lab import daemon, document, runner, wait
from lab.node import Node

SECONDS = 3


def strace(node, tid, path):
    """Lines of a trace of one thread. `timeout` ends it."""
    node.run(["timeout", "-s", "INT", SECONDS, "strace", "-qq", "-o", path, "-p", tid], check=False)
    return [l for l in path.read_text().splitlines() if re.match(r"\w+\(", l)]


def body(lab, says):
    router, dataplane = Node(lab, "router"), Node(lab, "dataplane", ipv6=False)
    config = document.base(lab)
    config["dataplane"]["idle"] = "poll"
    config["metrics"] = {"listen": "off"}
    for index, port in enumerate(("wan", "lan")):
        # A net_ring device has no MAC address of its own.
        config["ports"][port].update(device=f"net_ring{index}", mac=f"02:00:00:00:00:0{index + 1}")
    flyoverd = daemon.Flyoverd(dataplane, config).start()
    wait.until(lambda: "10.1.0.1" in router.run("ip -4 addr show dev wan", check=False).stdout, "the TAP's address", 10)
    router.ip("neigh replace 10.1.0.99 lladdr 02:00:00:00:00:99 nud permanent dev wan")
    router.background("ping -n -i 0.002 -q 10.1.0.99", "ping")

    def packets():
        return flyoverd.json("show ports")["ports"][0]["rx_packets"]

    begin = packets()
    wait.until(lambda: packets() > begin + 100, "traffic through the ring", 10)
    threads = flyoverd.threads()
    lcores = {t: n for t, n in threads.items() if re.search(r"lcore|worker", n)}
    says.check(len(lcores) == 1, f"one forwarding lcore: {lcores}", str(threads))
    before = packets()
    for tid, name in lcores.items():
        calls = strace(dataplane, tid, lab.log(f"strace-{name}.txt"))
        says.check(not calls, f"thread {name}: no system call in {SECONDS} s", "; ".join(calls[:5]))
    says.check(packets() > before + 100, f"while {packets() - before} packets went round")
    calls = strace(dataplane, flyoverd.process.pid, lab.log("strace-control.txt"))
    says.check(calls, f"control: strace sees {len(calls)} calls of the control thread")
    return flyoverd


if __name__ == "__main__":
    runner.main("no_syscalls", body, __doc__)
