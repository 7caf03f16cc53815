"""What a demo or a lab prints: each command, its output (shortened) and a verdict."""

import sys
import time

from . import shell

_BOLD, _GREEN, _RED, _DIM, _OFF = "\033[1m", "\033[32m", "\033[31m", "\033[2m", "\033[0m"


class Report:
    """Collects verdicts; `failed` is what went wrong, in order."""

    def __init__(self, out=None):
        self.out = out or sys.stdout
        self.passed = 0
        self.failed = []
        self.started = time.monotonic()
        self._colour = self.out.isatty()

    def say(self, text, style=""):
        if style and self._colour:
            text = style + text + _OFF
        print(text, file=self.out, flush=True)

    def title(self, text):
        self.say(f"\n== {text}", _BOLD)

    def note(self, text):
        self.say(f"   {text}")

    def progress(self, text):
        self.say(f"-- [{time.monotonic() - self.started:4.0f} s] {text}", _DIM)

    def show(self, where, command, output="", lines=8):
        """A command as one would type it in `where` (a namespace's short name), and what it printed."""
        self.say(f"   [{where}] $ {shell.quote(command)}", _BOLD)
        for line in shorten(output, lines):
            self.say(f"       {line}")

    def run(self, node, command, lines=8, **options):
        """Runs a command in a node, shows it, returns the result. The exit code is for the caller to judge."""
        options.setdefault("check", False)
        result = node.run(command, **options)
        self.show(node.short, command, result.stdout + result.stderr, lines)
        return result

    def check(self, good, claim, why=""):
        """One verdict."""
        if good:
            self.passed += 1
            self.say(f"   ok: {claim}", _GREEN)
        else:
            text = f"{claim}: {why}" if why else claim
            self.failed.append(text)
            self.say(f"   FAILED: {text}", _RED)
        return bool(good)

    def equal(self, got, want, claim):
        return self.check(got == want, claim, f"got {got!r}, want {want!r}")

    def expect(self, action, claim):
        """A verdict on something that raises AssertionError when it is not so; returns its value or None."""
        try:
            value = action()
        except AssertionError as error:
            self.check(False, claim, str(error))
            return None
        self.check(True, claim)
        return value if value is not None else True

    def summary(self, name):
        seconds = time.monotonic() - self.started
        if self.failed:
            self.say(f"\n{name}: {len(self.failed)} of {self.passed + len(self.failed)} verdicts FAILED "
                     f"({seconds:.0f} s)", _RED)
            for text in self.failed:
                self.say(f"  - {text}")
        else:
            self.say(f"\n{name}: all {self.passed} verdicts are good ({seconds:.0f} s)", _GREEN)
        return not self.failed


def shorten(text, lines):
    """The first and last lines of a long output."""
    rows = [r.rstrip()[:160] for r in text.splitlines() if r.strip()]
    if len(rows) <= lines:
        return rows
    head = max(1, lines - 2)
    return rows[:head] + [f"... ({len(rows) - head - 1} lines more)", rows[-1]]
