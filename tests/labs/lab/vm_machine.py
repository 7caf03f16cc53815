"""A virtual machine by qemu without KVM: NICs on TAPs in the lab's namespaces, commands over a serial line."""

import base64
import json
import shutil
import socket
import subprocess

from . import context, shell, wait

MEMORY_MIB = 1024
CPUS = 3
COMMAND_SECONDS = 60


class Nic:
    """`model`: what qemu is to make, with its options. The other end appears as `interface` in `node`."""

    def __init__(self, name, model, mac, slot, node, interface="eth0", queues=1):
        self.name = name
        self.model = model
        self.mac = mac
        self.slot = slot
        self.node = node
        self.interface = interface
        self.queues = queues

    @property
    def kind(self):
        return self.model.split(",")[0]

    @property
    def address(self):
        """Where the machine sees it."""
        return f"0000:00:{self.slot:02x}.0"

    def argv(self):
        queues = f",queues={self.queues}" if self.queues > 1 else ""
        return ["-netdev", f"tap,id={self.name},ifname={self.name},script=no,downscript=no{queues}",
                "-device", f"{self.model},netdev={self.name},id={self.name}-nic,mac={self.mac},addr={self.slot:#x}"]


class Machine:
    """Runs in `node`, which needs nothing: TAPs are made there and moved to their NICs' nodes."""

    def __init__(self, node, kernel, image, nics):
        self.node = node
        self.lab = node.lab
        self.nics = nics
        self._agent = self.lab.state / "agent.sock"
        self._monitor = self.lab.state / "monitor.sock"
        self._argv = [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-machine", "q35,accel=tcg,kernel-irqchip=split", "-cpu", "max", "-smp", str(CPUS), "-m", str(MEMORY_MIB),
            "-device", "intel-iommu,intremap=on,caching-mode=on,aw-bits=48", "-kernel", kernel.image, "-initrd", image,
            # iommu=pt: the kernel's own devices, and uio's, go around the IOMMU; vfio's never do.
            "-append", "console=ttyS0 quiet panic=-1 intel_iommu=on iommu=pt hugepages=128",
            "-serial", f"file:{self.lab.log('console.log')}",
            "-chardev", f"socket,id=agent,path={self._agent},server=on,wait=off", "-serial", "chardev:agent",
            "-chardev", f"socket,id=monitor,path={self._monitor},server=on,wait=off", "-mon", "monitor,mode=control"]
        self.process = None
        self._number = 0
        self._stream = None
        self._qmp = None

    def start(self, seconds=60):
        """Returns when the machine takes commands: its own uptime then."""
        argv = self._argv + [a for nic in self.nics for a in nic.argv()]
        self.process = self.node.background(argv, "qemu")
        self._stream = self._connect(self._agent)
        self._qmp = self._connect(self._monitor)
        for nic in self.nics:
            wait.until(lambda n=nic: self.node.link(n.name), f"TAP {nic.name}", 10)
            self.node.ip(["link", "set", nic.name, "netns", nic.node.name, "name", nic.interface])
            nic.node.ip(f"link set {nic.interface} up")
        json.loads(self._qmp.readline())
        self.monitor("qmp_capabilities")
        self._stream.patience(seconds)
        line = self._line()
        if not line.startswith("ready "):
            raise AssertionError(f"the machine said {line!r}")
        return float(line.split()[1])

    def _connect(self, path):
        def try_it():
            if self.process.poll() is not None:
                raise AssertionError(f"qemu ended with {self.process.returncode}: see qemu.log")
            try:
                client = socket.socket(socket.AF_UNIX)
                client.connect(str(path))
                return client
            except OSError:
                return None
        client = wait.until(try_it, f"qemu listens on {path.name}", 10)
        self.lab.on_exit(client.close)
        return Stream(client)

    def _line(self):
        return self._stream.readline().strip()

    def run(self, script, check=True, timeout=COMMAND_SECONDS):
        """A shell script in the machine, as shell.run gives its result (stdout holds both)."""
        self._number += 1
        self._stream.patience(timeout)
        self._stream.write(f"{self._number} {base64.b64encode(script.encode()).decode()}\n")
        while self._line() != f"begin {self._number}":
            pass
        encoded = ""
        while not (line := self._line()).startswith(f"end {self._number} "):
            encoded += line
        text = base64.b64decode(encoded).decode(errors="replace")
        result = subprocess.CompletedProcess(script, int(line.split()[2]), text, "")
        if check and result.returncode != 0:
            raise shell.CommandError(script, result)
        return result

    def json(self, script):
        return json.loads(self.run(script).stdout)

    def monitor(self, command, **arguments):
        """A command of qemu's own."""
        self._qmp.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        while True:
            answer = json.loads(self._qmp.readline())
            if "error" in answer:
                raise AssertionError(f"qemu refused {command}: {answer['error']}")
            if "return" in answer:
                return answer["return"]

    def set_link(self, nic, up):
        """The cable."""
        self.monitor("set_link", name=f"{nic.name}-nic", up=up)

    def stop(self):
        context.stop(self.process)


class Stream:
    """Lines over a socket, with its timeout as an AssertionError."""

    def __init__(self, sock):
        self._sock = sock
        self._file = sock.makefile("rb")

    def patience(self, seconds):
        self._sock.settimeout(seconds)

    def readline(self):
        try:
            line = self._file.readline()
        except TimeoutError:
            raise wait.Timeout(f"the machine said nothing for {self._sock.gettimeout():g} s") from None
        if not line:
            raise AssertionError("qemu closed the connection: see qemu.log and console.log")
        return line.decode(errors="replace")

    def write(self, text):
        self._sock.sendall(text.encode())


def runs_here():
    """Whether qemu is installed and starts."""
    return shutil.which("qemu-system-x86_64") is not None and \
        shell.run("qemu-system-x86_64 -version", check=False).returncode == 0
