"""`bazel test`, counted by GoogleTest case."""

import json
import os
import re
import subprocess
import tempfile
import urllib.parse
import xml.etree.ElementTree as ElementTree

from lab import paths

_NOISE = re.compile(r"linux-sandbox|^INFO: |^$|^There were tests whose specified size|^Executed \d+ out of")


def _command(command, *options):
    startup = os.environ.get("FLYOVER_BAZEL_STARTUP", "").split()
    flags = os.environ.get("FLYOVER_BAZEL_FLAGS", "").split()
    return ["bazel", *startup, command, *flags, *options]


def _run(command):
    """Runs with its messages shown as they come; returns the exit code."""
    process = subprocess.Popen(command, cwd=paths.REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, errors="replace")
    for line in process.stdout:
        if not _NOISE.search(line):
            print(line, end="", flush=True)
    return process.wait()


_PROGRESS = ["--show_progress", "--curses=no", "--show_progress_rate_limit=20"]


def build(targets):
    return _run(_command("build", *_PROGRESS, *targets)) == 0


def info(key):
    return subprocess.run(_command("info", key), cwd=paths.REPOSITORY, capture_output=True, text=True,
                          check=True).stdout.strip()


def query(expression):
    startup = os.environ.get("FLYOVER_BAZEL_STARTUP", "").split()
    return subprocess.run(["bazel", *startup, "query", expression], cwd=paths.REPOSITORY, capture_output=True, text=True,
                          check=True).stdout.split()


def test(results, part, options, targets=("//...",)):
    """Tests with `options`; each variant has output directories of its own, so that they do not rebuild each other's
    files."""
    if options:
        options = [*options, "--build_tests_only", f"--platform_suffix={part}",
                   "--experimental_convenience_symlinks=ignore"]
    with tempfile.NamedTemporaryFile(suffix=".json") as events:
        code = _run(_command("test", *_PROGRESS, "--keep_going", f"--build_event_json_file={events.name}", *options,
                             *targets))
        outcomes = list(_outcomes(events.name))
    for target, good, xml in outcomes:
        _count(results, part, target, good, xml)
    # 3: some test failed, which has been counted. 4: there were no tests. Others: the build did not finish.
    if code not in (0, 3) or not outcomes:
        results.add(f"{part}: bazel test (exit code {code}, {len(outcomes)} tests ran)", False)
    else:
        print(f"{part}: {len(outcomes)} test targets", flush=True)


def _outcomes(path):
    """(target, passed, path of its test.xml or None), from Bazel's build events."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            event = json.loads(line)
            if "testResult" not in event:
                continue
            result = event["testResult"]
            outputs = {o["name"]: o.get("uri", "") for o in result.get("testActionOutput", [])}
            uri = outputs.get("test.xml")
            yield (event["id"]["testResult"]["label"], result.get("status") == "PASSED",
                   urllib.parse.unquote(urllib.parse.urlsplit(uri).path) if uri else None)


def _count(results, part, target, good, xml):
    cases = _cases(xml)
    failed = [name for name, state, _ in cases if state == "failed"]
    for name in failed:
        results.add(f"{part}: {target} {name}", False)
    for name, state, reason in cases:
        if state == "skipped":
            results.skip(f"{part}: {target} {name}", reason)
    results.count(sum(state == "passed" for _, state, _ in cases))
    if not good and not failed:
        results.add(f"{part}: {target}", False)  # it crashed, timed out, or has no cases
    elif good and not cases:
        results.count(1)


def _cases(xml):
    """[(name, passed | failed | skipped, reason)] of GoogleTest's report; [] for one that Bazel made up itself."""
    try:
        root = ElementTree.parse(xml).getroot()
    except (TypeError, OSError, ElementTree.ParseError):
        return []
    found = []
    for case in root.iter("testcase"):
        if "classname" not in case.attrib:
            continue
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            state, reason = "failed", ""
        elif skipped is not None:
            state, reason = "skipped", (skipped.get("message") or skipped.text or "").strip().splitlines()[-1:]
            reason = reason[0] if reason else "no reason given"
        elif case.get("status") == "notrun":
            state, reason = "skipped", "disabled in the source"
        else:
            state, reason = "passed", ""
        found.append((f"{case.get('classname')}.{case.get('name')}", state, reason))
    return found
