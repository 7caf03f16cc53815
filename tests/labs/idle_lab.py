#!/usr/bin/python3
"""Idle policy `adaptive`: after a second without packets the lcore takes at most 10 % of a core, and the first packet
is through within 500 us. Measured from /proc; `poll` is the control that shows the measure works."""

import re
import statistics
import time

from lab import document, runner, topology, wait

MOST = 0.10
FIRST_US = 500
PINGS = 15


def busiest(flyoverd, seconds=2.0):
    """The share of a core that the busiest thread takes, and its name."""
    ticks = 100.0

    def sample():
        used = {}
        for tid, name in flyoverd.threads().items():
            with open(f"/proc/{flyoverd.process.pid}/task/{tid}/stat", encoding="ascii") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            used[tid] = (int(fields[11]) + int(fields[12]), name)
        return used

    before, begin = sample(), time.monotonic()
    wait.until(lambda: time.monotonic() - begin >= seconds, "the interval", seconds + 1)
    after, passed = sample(), time.monotonic() - begin
    shares = [((after[t][0] - before[t][0]) / ticks / passed, after[t][1]) for t in after if t in before]
    return max(shares)


def asleep(net):
    return all(l["sleeping"] for l in net.flyoverd.json("show lcores")["lcores"])


def body(lab, says):
    config = document.base(lab)
    config["metrics"] = {"listen": "off"}
    config["dataplane"]["idle"] = "poll"
    net = topology.standard(lab, serve=False, config=config)
    share, name = busiest(net.flyoverd)
    says.check(share > 0.5, f"poll: thread {name} takes {share:.0%} of a core: the measure works")

    net.flyoverd.stop()
    config["dataplane"]["idle"] = "adaptive"
    net.flyoverd.start()
    net.reachable()
    says.expect(lambda: wait.until(lambda: asleep(net), "all lcores asleep", 10), "`flyover show lcores` says: asleep")
    share, name = busiest(net.flyoverd, 3.0)
    says.check(share <= MOST, f"adaptive: the busiest thread, {name}, takes {share:.1%} of a core, at most {MOST:.0%}")

    times = []
    for _ in range(PINGS):
        wait.until(lambda: asleep(net), "all lcores asleep", 10, every=0.1)
        out = net.client.run("ping -n -c 1 -W 1 10.2.0.2").stdout
        times.append(float(re.search(r"time=([\d.]+) ms", out).group(1)) * 1000)
    says.note("first packets, there and back: " + " ".join(f"{t:.0f}" for t in times) + " us")
    middle = statistics.median(times)
    says.check(middle <= FIRST_US, f"the first packet after sleep is there and back in {middle:.0f} us (median of {PINGS})")
    return net


if __name__ == "__main__":
    runner.main("idle", body, __doc__)
