#!/usr/bin/python3
"""Idle policy `adaptive`: after a second without packets the lcore takes at most 10 % of a core, and the first packet
is through within 500 us. Measured from /proc; `poll` is the control that shows the measure works.

Both are measured with the machine's other programs beside, which can only add: so the verdicts are about the least that
was seen, and the medians are printed."""

import re
import statistics
import time

from lab import document, runner, topology, wait

MOST = 0.10
FIRST_US = 500
PINGS = 15


def busiest(flyoverd, seconds=2.0):
    """Of the busiest thread: the share of a core that it took, the share it asked for, its name. The two differ where
    other programs want the core, too."""

    def sample():
        used = {}
        for tid, name in flyoverd.threads().items():
            with open(f"/proc/{flyoverd.process.pid}/task/{tid}/schedstat", encoding="ascii") as file:
                ran, waited, _ = map(int, file.read().split())  # nanoseconds on a CPU, and waiting for one
            used[tid] = (ran, waited, name)
        return used

    before, begin = sample(), time.monotonic()
    wait.until(lambda: time.monotonic() - begin >= seconds, "the interval", seconds + 1)
    after, passed = sample(), time.monotonic() - begin
    return max(((a[0] - b[0]) / passed / 1e9, (a[0] + a[1] - b[0] - b[1]) / passed / 1e9, a[2])
               for a, b in ((after[t], before[t]) for t in after if t in before))


def asleep(net):
    return all(l["sleeping"] for l in net.flyoverd.json("show lcores")["lcores"])


def times(node, capture):
    """{ICMP id: time} of the echo requests in a capture; both ends' clock is the machine's."""
    text = node.run(["tcpdump", "-n", "-tt", "-r", capture], check=False).stdout
    return {m[2]: float(m[1]) for m in re.finditer(r"^([\d.]+) IP .* id (\d+),", text, re.M)}


def body(lab, says):
    config = document.base(lab)
    config["metrics"] = {"listen": "off"}
    config["dataplane"]["idle"] = "poll"
    net = topology.standard(lab, serve=False, config=config)
    share, asked, name = busiest(net.flyoverd)
    says.check(asked > 0.9, f"poll: thread {name} asks for {asked:.0%} of a core and gets {share:.0%}: the measure works")

    net.flyoverd.stop()
    config["dataplane"]["idle"] = "adaptive"
    net.flyoverd.start()
    net.reachable()
    says.expect(lambda: wait.until(lambda: asleep(net), "all lcores asleep", 10), "`flyover show lcores` says: asleep")
    share, _, name = min(busiest(net.flyoverd) for _ in range(3))
    says.check(share <= MOST, f"adaptive: the busiest thread, {name}, takes {share:.1%} of a core, at most {MOST:.0%}")

    captures = [node.capture("eth0", "first", "icmp[icmptype] == icmp-echo")[1] for node in (net.client, net.server)]
    for capture in captures:
        wait.until(lambda c=capture: c.exists() and c.stat().st_size >= 24, "tcpdump listens", 10)
    for _ in range(PINGS):
        wait.until(lambda: asleep(net), "all lcores asleep", 10, every=0.1)
        net.client.run("ping -n -c 1 -W 1 10.2.0.2")
    sent, received = (wait.until(lambda c=c: len(t := times(net.client, c)) == PINGS and t, "all packets", 5) for c in captures)
    passed = [(received[i] - sent[i]) * 1e6 for i in sent]
    says.note("first packets, from the client's wire to the server's: " + " ".join(f"{t:.0f}" for t in passed) + " us")
    says.note(f"median {statistics.median(passed):.0f} us")
    says.check(min(passed) <= FIRST_US, f"the first packet after sleep is through in {min(passed):.0f} us (the least of {PINGS})")
    return net


if __name__ == "__main__":
    runner.main("idle", body, __doc__)
