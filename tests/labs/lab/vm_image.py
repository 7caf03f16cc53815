"""The first and only file system of a virtual machine: an initramfs of this machine's programs and their libraries.

Not compressed: unpacking is the slow part without KVM.
"""

import os
import pathlib
import re
import stat

from . import shell

# Drivers that DPDK loads at its start; fewer than Debian ships start sooner.
DPDK_DRIVERS = ("bus_pci", "bus_vdev", "mempool_ring", "net_virtio", "net_e1000", "net_ring", "net_af_packet")
_DPDK = pathlib.Path("/usr/lib/x86_64-linux-gnu/dpdk")
_PROGRAMS = ("ip", "ethtool", "ping")

_INIT = """#!/bin/sh
export PATH=/opt:/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
mkdir -p /dev/hugepages
chmod 755 /
ln -s /run /var/run
mount -t hugetlbfs huge /dev/hugepages
depmod
modprobe vfio_iommu_type1  # of vfio's soft dependencies, which busybox does not know
exec sh /agent
"""

# Reads "NUMBER BASE64" lines, runs each as a script, answers "begin NUMBER", its output in base64, "end NUMBER CODE".
# busybox's shell takes its own programs before those in PATH, functions before both.
_AGENT = """
for name in ip ping; do echo "$name() { /usr/sbin/$name \\"\\$@\\"; }"; done >/programs
stty -F /dev/ttyS1 raw -echo 115200
exec </dev/ttyS1 >/dev/ttyS1
echo "ready $(cut -d' ' -f1 /proc/uptime)"
while read -r number script; do
  { cat /programs; echo "$script" | base64 -d; } >/tmp/script
  sh /tmp/script </dev/null >/tmp/output 2>&1
  code=$?
  echo "begin $number"
  base64 /tmp/output
  echo "end $number $code"
done
"""


class Archive:
    """A cpio archive (newc) that grows in a file."""

    def __init__(self, path):
        self.file = open(path, "wb")
        self.seen = set()

    def _entry(self, name, mode, data=b"", device=(0, 0)):
        if name in self.seen:
            return
        self.seen.add(name)
        if "/" in name:
            self._entry(name.rsplit("/", 1)[0], stat.S_IFDIR | 0o755)
        encoded = name.encode() + b"\0"
        numbers = (len(self.seen), mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0)
        self._padded(b"070701" + "".join(f"{n:08x}" for n in numbers).encode() + encoded)
        self._padded(data)

    def _padded(self, data):
        self.file.write(data + b"\0" * (-len(data) % 4))

    def text(self, name, text, mode=0o755):
        self._entry(name, stat.S_IFREG | mode, text.encode())

    def copy(self, source, name=None):
        """A file with its content, whatever links lead to it."""
        self._entry((name or str(source)).lstrip("/"), stat.S_IFREG | 0o755, pathlib.Path(source).read_bytes())

    def directory(self, name):
        self._entry(name, stat.S_IFDIR | 0o755)

    def link(self, name, target):
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def tree(self, path):
        """A file where it is, with the links that lead to it: a driver that is loaded by two names must be one file."""
        place = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        if os.path.islink(place):
            self.link(place.lstrip("/"), os.readlink(place))
            self.tree(os.path.join(os.path.dirname(place), os.readlink(place)))
        else:
            self.copy(place)

    def character_device(self, name, major, minor):
        self._entry(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def close(self):
        self._entry("TRAILER!!!", 0)
        self.file.close()


def build(path, kernel, programs):
    """`programs`: files that go to /opt."""
    archive = Archive(path)
    archive.text("init", _INIT)
    archive.text("agent", _AGENT)
    archive.character_device("dev/console", 5, 1)
    for directory in ("proc", "sys", "run", "tmp", "etc", "var"):
        archive.directory(directory)
    for directory in ("bin", "sbin", "lib", "lib64"):
        archive.link(directory, f"usr/{directory}")
    archive.copy("/usr/bin/busybox", "usr/bin/busybox")
    for name in shell.run("busybox --list").stdout.split():
        if name not in ("busybox", *_PROGRAMS):
            archive.link(f"usr/bin/{name}", "busybox")
    archive.link("usr/sbin/modprobe", "../bin/busybox")
    for name, file in kernel.modules.items():
        archive.copy(file, f"usr/lib/modules/{kernel.version}/{name}")
    binaries = []
    for program in programs:
        archive.copy(program, f"opt/{os.path.basename(program)}")
        binaries.append(program)
    for name in _PROGRAMS:
        found = shell.run(["which", name]).stdout.strip()
        archive.copy(found, f"usr/sbin/{name}")
        binaries.append(found)
    folder = next(_DPDK.glob("pmds-*"))
    for name in DPDK_DRIVERS:
        driver = next(folder.glob(f"librte_{name}.so.*.*"))
        archive.tree(driver)
        binaries.append(driver)
    for library in sorted(set(re.findall(r"(/\S+) \(0x", shell.run(["ldd", *binaries]).stdout))):
        archive.tree(library)
    archive.close()
    return os.path.getsize(path)
