"""The probe and download programs as seen from a lab: started in a node, read while they run."""

import json
import queue
import subprocess
import threading

from . import context, paths, wait

_HERE = paths.LABS / "lab"


class Program:
    """A helper program whose JSON lines are collected as they come."""

    def __init__(self, node, name, arguments):
        self.node = node
        self.lines = []
        self._queue = queue.Queue()
        self.process = node.background([paths.PYTHON, "-u", _HERE / f"{name}.py", *arguments], name,
                                       stdout=subprocess.PIPE)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self._queue.put(json.loads(line))
        self._queue.put(None)

    def next(self, seconds=30):
        """The next line; None at the end."""
        try:
            line = self._queue.get(timeout=seconds)
        except queue.Empty:
            raise wait.Timeout(f"no line from {self.process.args[-1]} within {seconds} s") from None
        if line is not None:
            self.lines.append(line)
        return line

    def rest(self, seconds=120):
        while self.next(seconds) is not None:
            pass
        self.process.wait()
        return self.lines

    def stop(self):
        context.stop(self.process)


class Downloads(Program):
    """Many rate-limited downloads; returns once all are running."""

    def __init__(self, node, url, count=50, avoid=None):
        super().__init__(node, "downloads", [url, "--count", str(count)] + (["--avoid", avoid] if avoid else []))
        first = self.next(60)
        if not isinstance(first, dict):
            raise AssertionError(f"downloads of {url} did not get under way: {first}")
        self.running = first["running"]

    def finish(self):
        """All results."""
        lines = self.rest()
        if len(lines) < 2:
            raise AssertionError("the download program ended without a result; see its log")
        return lines[-1]


class Switch:
    """A learning switch between interfaces of a node; runs until the lab ends."""

    def __init__(self, node, *interfaces):
        process = node.background([paths.PYTHON, "-u", _HERE / "switch.py", *interfaces], "switch",
                                  stdout=subprocess.PIPE)
        if process.stdout.readline().strip() not in ("ready", b"ready"):
            raise AssertionError("the switch did not start; see its log")


class Probe(Program):
    """Steady pings; returns once the first was sent."""

    def __init__(self, node, address, every_ms=1.0, seconds=3.0):
        super().__init__(node, "probe", [address, "--every-ms", str(every_ms), "--seconds", str(seconds)])
        self.next(10)

    def first_answer(self, seconds=10):
        line = self.next(seconds)
        return line if line and "received" in line else None

    def answers(self):
        return [l for l in self.rest() if "received" in l]
