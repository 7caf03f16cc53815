"""flyoverd raises the machine's number of huge pages when too few are free; a lab puts it back at the end.

The number is the machine's, not a namespace's. Where none can be had, flyoverd falls back to ordinary pages.
"""

import pathlib

from . import paths

_NUMBER = pathlib.Path("/proc/sys/vm/nr_hugepages")


def _note(name):
    return paths.STATE_ROOT / f"{name}.hugepages"


def remember(name):
    """Notes the number for give_back(). Labs that run at the same time share the number of the first."""
    give_back(name)
    others = sorted(paths.STATE_ROOT.glob("*.hugepages"))
    _note(name).write_text(others[0].read_text() if others else _NUMBER.read_text(encoding="ascii"))


def give_back(name):
    """Puts the number back, also after a run which crashed."""
    try:
        before = int(_note(name).read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return
    if before < int(_NUMBER.read_text(encoding="ascii")):
        _NUMBER.write_text(str(before))
    _note(name).unlink()
