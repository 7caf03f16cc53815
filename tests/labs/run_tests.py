"""Runs the parts of the test suite and counts. `tools/test` installs what is needed and calls this.

Counted are: each check of the lint, each GoogleTest case of each Bazel test (a target without cases counts as one),
each lab. The last line printed is `N passed, N failed, N skipped`.
"""

import os
import pathlib
import signal
import subprocess
import sys
import time

from lab import paths, runner
from suite import bazel, gate as instructions
from suite.results import Results

LAB_SECONDS = 300  # no lab may take longer
FULL = {"table": 1200}  # labs that have a large form (--full), and the seconds that it may take
PARTS = ("lint", "unit", "gate", "labs", "asan", "tsan")


def lint(results):
    """tools/lint prints `PASS check` or `FAIL check` lines among its messages."""
    process = subprocess.Popen([paths.REPOSITORY / "tools/lint"], stdout=subprocess.PIPE, text=True)
    seen = 0
    for line in process.stdout:
        print(line, end="", flush=True)
        word, _, name = line.strip().partition(" ")
        if word in ("PASS", "FAIL"):
            seen += 1
            results.add("lint: " + name, word == "PASS", quiet=True)
    if process.wait() != 0 and not results.failed or seen == 0:
        results.add("lint ran to its end", False)


def unit(results):
    bazel.test(results, "unit", [])


def asan(results):
    bazel.test(results, "asan", ["--config=asan"])


def tsan(results):
    bazel.test(results, "tsan", ["--config=tsan"])


def gate(results):
    """The benchmark is no lab program: it is built for this alone."""
    if "FLYOVER_BIN" not in os.environ and not bazel.build(["//tools/flyover_bench:flyover-bench"]):
        results.add("the benchmark builds", False)
        return
    binaries = os.environ.get("FLYOVER_BIN") or bazel.info("bazel-bin")
    instructions.run(results, pathlib.Path(binaries) / "tools/flyover_bench/flyover-bench")


def all_labs():
    return sorted(p.name[:-len("_lab.py")] for p in paths.LABS.glob("*_lab.py"))


def build_programs(results):
    """What the labs run; False if that cannot be built."""
    if "FLYOVER_BIN" in os.environ:
        return True
    if not bazel.build(paths.targets()):
        results.add("the programs build", False)
        return False
    os.environ["FLYOVER_BIN"] = bazel.info("bazel-bin")
    return True


def one_lab(results, name, full=False):
    begin = time.monotonic()
    large = full and name in FULL
    command = [paths.PYTHON, "-B", paths.LABS / f"{name}_lab.py"] + (["--full"] if large else [])
    seconds = FULL[name] if large else LAB_SECONDS
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                               start_new_session=True)
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        output = _interrupt(process) + f"\nno end after {seconds} s"
    except KeyboardInterrupt:
        _interrupt(process)  # the lab has a session of its own: it must be told to clean up
        raise
    took = f"{time.monotonic() - begin:.1f} s"
    if process.returncode == runner.SKIPPED:
        results.skip(f"lab {name}", output.strip().splitlines()[-1].removeprefix("SKIPPED: "))
        return
    good = process.returncode == 0
    if not good:
        folder = runner.logs_of(name)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "output.txt").write_text(output)
    if large or not good:
        print(output)  # of the large form the figures are wanted
    results.add(f"lab {name}{' --full' if large else ''} ({took})", good)


def _interrupt(process):
    """SIGTERM lets a lab remove its namespaces; then it gets no more time."""
    process.send_signal(signal.SIGTERM)
    try:
        return process.communicate(timeout=60)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


def labs(results, names, full):
    if build_programs(results):
        for name in names:
            one_lab(results, name, full)


def long_models(results):
    """The forwarding tables against their naive model, 10^7 operations each."""
    bazel.test(results, "models", ["--test_env=FLYOVER_FIB_OPERATIONS=10000000"],
               ["//router/fib:fib4_test", "//router/fib:fib6_test"])


def kernel_tests(results):
    """Tests in C++ that need root and a real kernel: Bazel's sandbox forbids what they do."""
    bazel.test(results, "labs", [], bazel.query('attr(tags, "lab", tests(//...))'))


def main(names):
    os.chdir(paths.REPOSITORY)
    results = Results(pathlib.Path(__file__).parent / "allowed_skips.txt")
    full = "--full" in names
    names = [n for n in names if n != "--full"]
    parts = [n for n in names if n in PARTS] or ([] if names else PARTS)
    single = [n for n in names if n not in PARTS]
    try:
        for part in parts:
            print(f"\n== {part}", flush=True)
            if part == "labs":
                kernel_tests(results)
                labs(results, all_labs(), full)
            else:
                globals()[part](results)
            if part == "unit" and full:
                long_models(results)
        if single:
            print("\n== labs", flush=True)
            labs(results, single, full)
    except KeyboardInterrupt:
        results.add("not interrupted", False)
    return results.summary()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
