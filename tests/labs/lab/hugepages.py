"""Huge pages for a lab: reserved when too few are free, given back at the end.

The number is the machine's, not a namespace's. Without them flyoverd falls back to ordinary pages, with a warning.
"""

import pathlib

from . import paths

_NUMBER = pathlib.Path("/proc/sys/vm/nr_hugepages")
WANTED_MIB = 512


def _meminfo(key):
    for line in pathlib.Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    return 0


def _note(name):
    return paths.STATE_ROOT / f"{name}.hugepages"


def reserve(name):
    """Makes WANTED_MIB free if it can, and notes what to give back. Returns a warning or None."""
    give_back(name)
    size = _meminfo("Hugepagesize")
    if size == 0:
        return "this kernel has no huge pages; ordinary pages are used"
    missing = WANTED_MIB * 1024 // size - _meminfo("HugePages_Free")
    if missing <= 0:
        return None
    before = int(_NUMBER.read_text(encoding="ascii"))
    _note(name).write_text(str(missing), encoding="ascii")
    try:
        _NUMBER.write_text(str(before + missing), encoding="ascii")
    except OSError as error:
        return f"no huge pages could be reserved ({error}); ordinary pages are used"
    got = int(_NUMBER.read_text(encoding="ascii")) - before
    _note(name).write_text(str(got), encoding="ascii")
    return None if got == missing else f"only {got} of {missing} huge pages could be reserved"


def give_back(name):
    """Undoes reserve(), also that of a run which crashed."""
    try:
        count = int(_note(name).read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return
    now = int(_NUMBER.read_text(encoding="ascii"))
    _NUMBER.write_text(str(max(0, now - count)), encoding="ascii")
    _note(name).unlink()
