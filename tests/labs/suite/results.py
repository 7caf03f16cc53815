"""Passed, failed, skipped; and which skips are allowed."""


class Results:
    """`allowed` is a file: a line `limit N`, and one allowed reason a line; # begins a comment."""

    def __init__(self, allowed):
        self.passed = 0
        self.failed = []
        self.skipped = []
        self.limit = 0
        self.reasons = set()
        for line in allowed.read_text().splitlines():
            line = line.split("#", 1)[0].strip()
            if line.startswith("limit "):
                self.limit = int(line.split()[1])
            elif line:
                self.reasons.add(line)

    def add(self, name, good, quiet=False):
        if good:
            self.passed += 1
        else:
            self.failed.append(name)
        if not quiet:
            print(f"{'PASS' if good else 'FAIL'} {name}", flush=True)

    def count(self, passed):
        self.passed += passed

    def skip(self, name, reason):
        if reason in self.reasons:
            self.skipped.append(name)
            print(f"SKIP {name}: {reason}", flush=True)
        else:
            self.add(f"{name}: skipped for a reason that is not allowed: {reason}", False)

    def summary(self):
        """Prints what failed and, as the very last line, the numbers. Returns the exit code."""
        if len(self.skipped) > self.limit:
            self.add(f"{len(self.skipped)} skips, allowed are {self.limit}", False)
        if self.failed:
            print("\nfailed:")
            for name in self.failed:
                print(f"  {name}")
        print(f"\n{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped", flush=True)
        return 1 if self.failed else 0
