"""Debian's kernel for a virtual machine: fetched once, unpacked, never installed.

`~/.cache/flyover/vm/NAME/` holds the kernel as an ELF file (its PVH entry saves qemu the decompression of a bzImage,
ten seconds without KVM) and the modules that the machine needs.
"""

import lzma
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from . import shell

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "flyover" / "vm"
_XZ = b"\xfd7zXZ\0"


class NoKernel(Exception):
    """None could be fetched."""


class Kernel:
    """`image` for qemu's -kernel; `modules`: {path below /lib/modules/VERSION: file}."""

    def __init__(self, directory):
        self.image = directory / "vmlinux"
        self.version = (directory / "version").read_text(encoding="ascii")
        root = directory / "modules"
        self.modules = {str(p.relative_to(root)): p for p in sorted(root.rglob("*")) if p.is_file()}


def get():
    """From the cache, or by apt-get."""
    name = _package()
    directory = CACHE / name
    if not (directory / "version").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        for old in CACHE.iterdir():
            shutil.rmtree(old, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as work:
            _unpack(_download(name, pathlib.Path(work)), pathlib.Path(work) / "ready")
            os.rename(pathlib.Path(work) / "ready", directory)
    return Kernel(directory)


def _package():
    """The package that linux-image-amd64 stands for now."""
    for update in (False, True):
        if update:
            shell.run("apt-get update", check=False, timeout=120)
        said = shell.run("apt-cache depends linux-image-amd64", check=False).stdout
        found = re.search(r"Depends: (linux-image-\S+)", said)
        if found:
            return found[1]
    raise NoKernel("apt-cache knows no linux-image-amd64")


def _download(name, directory):
    os.chmod(directory, 0o755)
    for update in (False, True):
        if update:
            shell.run("apt-get update", check=False, timeout=120)
        shell.run(["apt-get", "download", name], check=False, timeout=120, cwd=directory)
        files = list(directory.glob("*.deb"))
        if files:
            return files[0]
    raise NoKernel(f"apt-get download {name} failed")


def _unpack(package, ready):
    tree = ready / "tree"
    tree.mkdir(parents=True)
    folders = ("drivers/virtio", "drivers/uio", "drivers/vfio", "virt")
    patterns = ["./boot/vmlinuz-*", *(f"*/kernel/{f}/*.ko" for f in folders), "*/virtio_net.ko", "*failover.ko", "*/e1000e.ko",
                "*/tun.ko"]
    data = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE)
    subprocess.run(["tar", "x", "-C", tree, "--wildcards", *patterns], stdin=data.stdout, check=True)
    data.wait()
    compressed = next((tree / "boot").glob("vmlinuz-*")).read_bytes()
    begin = compressed.index(_XZ)
    (ready / "vmlinux").write_bytes(lzma.LZMADecompressor().decompress(compressed[begin:]))
    modules = next((tree / "lib/modules").iterdir())
    os.rename(modules, ready / "modules")
    shutil.rmtree(tree)
    (ready / "version").write_text(modules.name, encoding="ascii")
