"""Where things are."""

import os
import pathlib
import shutil

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
LABS = REPOSITORY / "tests" / "labs"
LOG_ROOT = pathlib.Path(os.environ.get("FLYOVER_LAB_LOGS", REPOSITORY / "lab-logs"))
STATE_ROOT = pathlib.Path("/tmp/flyover-labs")
PYTHON = "/usr/bin/python3"

# The shipped programs, by Bazel target.
PROGRAMS = {
    "flyoverd": "tools/flyoverd/flyoverd",
    "flyover": "tools/flyover/flyover",
    "flyover-tap-holder": "tools/flyover_tap_holder/flyover-tap-holder",
    "flyover-decap": "tools/decap/flyover-decap",
    "flyover-bench": "tools/flyover_bench/flyover-bench",
}
# Those that most labs and the demo run.
COMMON = ("flyoverd", "flyover", "flyover-tap-holder", "flyover-decap")


def targets():
    return [f"//{p.rsplit('/', 1)[0]}:{p.rsplit('/', 1)[1]}" for p in PROGRAMS.values()]


def built(program):
    """The program as the build left it."""
    root = pathlib.Path(os.environ.get("FLYOVER_BIN", REPOSITORY / "bazel-bin"))
    return root / PROGRAMS[program]


def stage(directory, programs=COMMON):
    """Puts the programs side by side into `directory`, as an installed system has them: they find each other there,
    and a build that runs meanwhile cannot change them under a running lab."""
    directory.mkdir(parents=True, exist_ok=True)
    for program in programs:
        if (directory / program).exists():
            continue
        source = built(program)
        if not source.exists():
            raise FileNotFoundError(f"{source} is not built: run `bazel build {' '.join(targets())}`")
        shutil.copy2(source, directory / program)
    return directory
