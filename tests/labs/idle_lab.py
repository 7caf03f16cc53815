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
    # Other programs of the machine cost it a part of what is measured: the least of three is its own.
    share, _, name = min(busiest(net.flyoverd) for _ in range(3))
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
