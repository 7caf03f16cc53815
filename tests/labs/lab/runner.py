"""What every lab's main() is: the surroundings, the lab, the ledger, the verdict."""

import argparse
import os
import sys
import traceback

from . import context, ledger, paths, report

SKIPPED = 77  # exit code: the reason is on the last line, and must be in allowed_skips.txt


class Skip(Exception):
    """The lab cannot run here; the text must stand in allowed_skips.txt."""


def main(name, body, about, arguments=None):
    """Runs body(lab, report); it may return the Flyoverd (or Network) whose ledger is judged at the end. `arguments`
    adds options of the lab's own to the parser; they are in lab.options."""
    parser = argparse.ArgumentParser(prog=f"tests/labs/{name}_lab.py", description=about.strip(),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="leave the namespaces standing when all is well")
    parser.add_argument("--keep-logs", action="store_true", help="keep lab-logs/NAME even if all is well")
    if arguments:
        arguments(parser)
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("labs make network namespaces: run as root")

    says = report.Report()
    says.title(f"lab {name}: {about.strip().splitlines()[0]}")
    try:
        with context.Context(name, keep=options.keep) as lab:
            lab.keep_logs = options.keep_logs
            lab.options = options
            try:
                balance(says, body(lab, says))
            except Skip:
                raise
            except Exception as error:  # any surprise is this lab's failure, with its trace
                says.check(False, "the lab ran to its end", f"{type(error).__name__}: {error}")
                says.note(traceback.format_exc())
            lab.keep_logs = lab.keep_logs or bool(says.failed)
            if says.failed:
                says.note(f"logs and captures: {lab.logs}")
    except Skip as skip:
        print(f"SKIPPED: {skip}")
        sys.exit(SKIPPED)
    except context.Busy as busy:
        sys.exit(str(busy))
    except KeyboardInterrupt:
        sys.exit("interrupted; everything was removed")
    sys.exit(0 if says.summary(f"lab {name}") else 1)


def balance(says, *daemons):
    """Each lab ends with the ledger."""
    for daemon in daemons:
        flyoverd = getattr(daemon, "flyoverd", daemon)
        if flyoverd is not None:
            books = says.expect(lambda d=flyoverd: ledger.assert_balanced(d), f"the ledger of {flyoverd.name} balances")
            if books:
                says.note(ledger.table(books).replace("\n", "\n   "))


def logs_of(name):
    return paths.LOG_ROOT / name
