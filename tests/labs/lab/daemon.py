"""flyoverd and the flyover command, as shipped."""

import json
import os
import signal
import subprocess

import yaml

from . import context, paths, shell, wait


class Refused(AssertionError):
    """`flyover` exited with something else than 0."""

    def __init__(self, command, result):
        self.result = result
        super().__init__(f"`flyover {shell.quote(command)}` exited with {result.returncode}: "
                         f"{(result.stderr + result.stdout).strip()}")


class Flyoverd:
    """One data plane in the namespace of `node`.

    `document` is the config as a Python value; edit it and call write() or reload().
    """

    def __init__(self, node, document, name="flyoverd"):
        self.node = node
        self.lab = node.lab
        self.document = document
        self.name = name
        self.bin = paths.stage(self.lab.state / "bin")
        self.config = self.lab.state / f"{name}.yaml"
        self.log = self.lab.log(f"{name}.log")
        self.process = None
        self.env = dict(os.environ, PATH=f"{self.bin}:{os.environ['PATH']}")
        self.lab.on_exit(self.remove)

    @property
    def socket(self):
        return self.document["control"]["socket"]

    def write(self, document=None):
        self.config.write_text(yaml.safe_dump(document or self.document, sort_keys=False))
        return self.config

    def launch(self):
        """Starts the process without waiting for it."""
        self.process = self.node.start([self.bin / "flyoverd", "--config", self.config], self.log, env=self.env)
        return self.process

    def start(self):
        """Starts, and waits until the control socket answers and all ports are there."""
        self.write()
        self.launch()
        wait.until(self._answers, "flyoverd answers on its control socket", 30, every=0.05)
        return self

    def _answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"flyoverd exited with {self.process.returncode}: {self.log_tail()}")
        return self.flyover("show version", check=False).returncode == 0

    def stop(self, how=signal.SIGTERM, seconds=10):
        """Ends it and returns the exit code."""
        return context.stop(self.process, seconds, how)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def remove(self):
        if self.process is not None:
            self.stop()

    def log_tail(self, lines=12):
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return "(no log)"

    def argv(self, command):
        return [self.bin / "flyover", "--socket", self.socket] + shell.split(command)

    def flyover(self, command, check=True, timeout=30):
        """`flyover COMMAND`, as text."""
        result = shell.run(self.argv(command), check=False, env=self.env, timeout=timeout)
        if check and result.returncode != 0:
            raise Refused(command, result)
        return result

    def json(self, command, check=True):
        """`flyover --json COMMAND`, parsed."""
        return json.loads(self.flyover(["--json"] + shell.split(command), check=check).stdout)

    def check_file(self, path):
        return shell.run([self.bin / "flyover", "check", path], check=False, env=self.env, timeout=30)

    def reload(self, check=True):
        self.write()
        return self.flyover(["reload", self.config], check=check)

    def threads(self):
        """{thread id: name}."""
        base = f"/proc/{self.process.pid}/task"
        found = {}
        for tid in os.listdir(base):
            with open(f"{base}/{tid}/comm", encoding="ascii", errors="replace") as file:
                found[int(tid)] = file.read().strip()
        return found

    def cpu_seconds(self):
        """User and system time of the process so far."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


def is_alive(process):
    return isinstance(process, subprocess.Popen) and process.poll() is None
