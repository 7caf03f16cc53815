"""The instruction gate: instructions per packet of each stage, by valgrind's callgrind, against committed limits.

Instructions do not depend on the machine's load, and the benchmark's clock moves with its bursts while it counts, so a
change of 1 % is a change of the code. A stage that needs more
fails with its name. One that needs less fails too: its new limit is to be committed, or the gain could be lost again
unseen. `python3 -B tests/labs/suite/gate.py --update` (with FLYOVER_BIN) writes the limits anew.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from lab import paths  # noqa: E402

LIMITS = pathlib.Path(__file__).with_name("instruction_limits.txt")
TOLERANCE = 0.01
LEAST_STEP = 0.1  # instructions per packet: below it nothing is a change

# Loads of `flyover bench list`, small enough for an instrumented run.
CASES = ["router-64", "router-ecmp", "router-imix", "router-zipf", "router6-64", "lb-ipip-4k",
         "lb-ipip-kept-4k", "lb6-ipip-4k", "lb-l2dsr-4k", "lb-1000-services", "lb-new-flows", "lb-syn-flood"]
OPTIONS = ["--no-huge", "--flows", "4096", "--routes", "1000", "--bursts", "64"]

# Stage of docs/life_of_a_packet.md -> the function whose inclusive cost it is.
STAGES = {
    "plain_input": "flyover::router::PlainInput(",
    "ethernet_input": "flyover::router::EthernetInput(",
    "ipv4_input": "flyover::router::Ipv4Input(",
    "ipv6_input": "flyover::router::Ipv6Input(",
    "service_lookup": "flyover::lb::ServiceLookup(",
    "connection_lookup": "flyover::lb::ConnectionLookup(",
    "backend_select": "flyover::lb::BackendSelect(",
    "encap": "flyover::lb::Encap(",
    "fib_lookup": "flyover::router::FibLookup(",
    "plain_output": "flyover::router::PlainOutput(",
    "plain_balance": "flyover::lb::PlainBalance(",
    "ttl_mtu": "flyover::router::TtlMtu(",
    "adjacency_rewrite": "flyover::router::AdjacencyRewrite(",
}
LOOP = "flyover::Lcore::RunOnceAt("
# Depends on time, not on packets: how many buckets of the connection table were swept.
SWEEP = "flyover::lb::LbLcore::Housekeeping("

_LINE = re.compile(r"^\s*([\d,]+) \([\s\d.]+%\)\s+\S*?:(.+?)(?: \[.*\])?$")


def _inclusive(file):
    """function -> instructions, its callees' included."""
    out = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", file], capture_output=True,
                         text=True, check=True).stdout
    cost = {}
    for line in out.splitlines():
        found = _LINE.match(line)
        if found:
            name = found.group(2).split("'")[0]
            cost[name] = max(cost.get(name, 0), int(found.group(1).replace(",", "")))
    return cost


def _cost_of(costs, prefix):
    return sum(n for name, n in costs.items() if name.startswith(prefix))


def measure(program):
    """{case: {stage: instructions per packet}}"""
    with tempfile.TemporaryDirectory() as directory:
        out = pathlib.Path(directory) / "out"
        command = ["valgrind", "--tool=callgrind", "--collect-atstart=no", f"--callgrind-out-file={out}", program,
                   "count", *CASES, *OPTIONS]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr[-3000:]}")
        packets = {name: int(n) for name, n in (line.split() for line in done.stdout.splitlines())}
        measured = {}
        for file in pathlib.Path(directory).glob("out.*"):
            case = re.search(r"^desc: Trigger: Client Request: (\S+)", file.read_text(), re.M)
            if not case or case.group(1) not in packets:
                continue
            costs = _inclusive(file)
            n = packets[case.group(1)]
            stages = {stage: _cost_of(costs, function) / n for stage, function in STAGES.items()}
            stages["loop"] = (_cost_of(costs, LOOP) - _cost_of(costs, SWEEP)) / n
            measured[case.group(1)] = {stage: round(cost, 2) for stage, cost in stages.items() if cost > 0}
        return measured


def read_limits():
    limits = {}
    for line in LIMITS.read_text().splitlines():
        if line and not line.startswith("#"):
            case, stage, value = line.split()
            limits.setdefault(case, {})[stage] = float(value)
    return limits


def write_limits(measured):
    lines = ["# Instructions per packet, callees included; `loop` is the whole of Lcore::RunOnceAt, drivers of ring",
             "# devices included. Written by tests/labs/suite/gate.py --update; +-1 % passes."]
    for case in CASES:
        lines += [f"{case:<18} {stage:<18} {value:8.2f}" for stage, value in measured[case].items()]
    LIMITS.write_text("\n".join(lines) + "\n")


def compare(measured, limits):
    """(case, what is wrong or None) for each case."""
    for case in CASES:
        wrong = []
        for stage in sorted(set(limits.get(case, {})) | set(measured.get(case, {}))):
            limit, value = limits.get(case, {}).get(stage, 0.0), measured.get(case, {}).get(stage, 0.0)
            if abs(value - limit) > max(limit * TOLERANCE, LEAST_STEP):
                wrong.append(f"stage {stage}: {value:.2f} instructions a packet, the limit is {limit:.2f}")
        yield case, "; ".join(wrong) or None


def run(results, program):
    try:
        measured = measure(program)
    except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
        print(error)
        results.add("gate: callgrind ran", False)
        return
    for case, wrong in compare(measured, read_limits()):
        if wrong:
            print(f"gate: {case}: {wrong}")
        results.add(f"gate: {case}", wrong is None)


if __name__ == "__main__":
    binary = pathlib.Path(os.environ.get("FLYOVER_BIN", paths.REPOSITORY / "bazel-bin")) / "tools/flyover_bench/flyover-bench"
    if sys.argv[1:] == ["--update"]:
        write_limits(measure(binary))
    else:
        failed = [f"{case}: {wrong}" for case, wrong in compare(measure(binary), read_limits()) if wrong]
        print("\n".join(failed) or "all cases are within their limits")
        sys.exit(1 if failed else 0)
