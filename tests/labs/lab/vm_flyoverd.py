"""flyoverd inside a virtual machine."""

import json

import yaml

from . import wait


class Guest:
    """flyoverd in the machine, as ledger and runner know daemons."""

    name = "flyoverd"

    def __init__(self, vm, ports, routes):
        """`ports`: {name: the document's keys}; `routes`: the document's list."""
        self.vm = vm
        self.document = {
            "dataplane": {"name": "vm", "lcores": 2, "idle": "adaptive", "runtime_dir": "/run",
                          "memory": {"hugepages": "required", "mbufs_per_numa": 16384}},
            "ports": ports,
            "routes": routes,
            "metrics": {"listen": "off"},
            "control": {"socket": "/run/control.sock"},
        }

    def write(self):
        self.vm.run("cat >/run/flyover.yaml <<'END'\n" + yaml.safe_dump(self.document, sort_keys=False) + "END\n")

    def start(self):
        self.write()
        self.vm.run("flyoverd /run/flyover.yaml >>/run/flyoverd.log 2>&1 & echo $! >/run/flyoverd.pid")
        wait.until(self._answers, "flyoverd answers on its control socket", 60, every=0.2)

    def _answers(self):
        if not self._runs():
            raise AssertionError("flyoverd ended: " + self.vm.run("tail -n 12 /run/flyoverd.log").stdout)
        return self.vm.run("flyover --socket /run/control.sock show version", check=False).returncode == 0

    def kill(self):
        self.vm.run("kill -9 $(cat /run/flyoverd.pid)")
        wait.until(lambda: not self._runs(), "its end", 20, every=0.1)

    def _runs(self):
        return self.vm.run("kill -0 $(cat /run/flyoverd.pid)", check=False).returncode == 0

    def stop(self):
        """Its end, and that of what outlives it."""
        self.vm.run("kill $(cat /run/flyoverd.pid)")
        wait.until(lambda: not self._runs(), "its end", 20, every=0.1)
        self.vm.run("flyoverd --teardown /run/flyover.yaml")

    def json(self, command, check=True):
        return json.loads(self.vm.run(f"flyover --socket /run/control.sock --json {command}", check=check).stdout)

    def port(self, name):
        return next(p for p in self.json("show ports")["ports"] if p["name"] == name)

    def wakeups(self, seconds=2):
        """How often each lcore's thread wakes in a second, by the machine's own clock. Shares of a core say nothing there:
        what the host gave to others counts, too."""
        look = ("cat /proc/uptime; for t in /proc/$(cat /run/flyoverd.pid)/task/*; do "
                "grep -q rte-worker $t/comm && grep ^voluntary $t/status; done")
        text = self.vm.run(f"{look}; echo; sleep {seconds}; {look}", check=False).stdout
        before, after = ([line.split() for line in half.splitlines() if line] for half in text.split("\n\n"))
        passed = float(after[0][0]) - float(before[0][0])
        return [(int(a[1]) - int(b[1])) / passed for a, b in zip(after[1:], before[1:])]

    def asleep(self):
        return all(l["sleeping"] for l in self.json("show lcores")["lcores"])

    def lcore_packets(self):
        return [l["packets"] for l in self.json("show lcores")["lcores"]]
