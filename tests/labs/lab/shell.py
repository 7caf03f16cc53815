"""Running programs, with errors that say what ran, where, and what it said."""

import shlex
import subprocess


class CommandError(AssertionError):
    """A command that had to succeed did not."""

    def __init__(self, argv, result):
        self.result = result
        said = (result.stderr or "").strip() or (result.stdout or "").strip() or "(no output)"
        super().__init__(f"`{quote(argv)}` exited with {result.returncode}: {said[-2000:]}")


def split(command):
    """A command as a list; strings are split as a shell would, without a shell."""
    return shlex.split(command) if isinstance(command, str) else [str(a) for a in command]


def quote(command):
    """A command as one would type it."""
    return command if isinstance(command, str) else shlex.join(str(a) for a in command)


def run(command, check=True, timeout=60, stdin=None, env=None, cwd=None):
    """Runs to the end; text output captured. A timeout counts as exit code 124."""
    argv = split(command)
    try:
        result = subprocess.run(argv, input=stdin, capture_output=True, text=True, errors="replace",
                                timeout=timeout, env=env, cwd=cwd, check=False)
    except subprocess.TimeoutExpired as expired:
        out, err = expired.stdout or b"", expired.stderr or b""
        result = subprocess.CompletedProcess(argv, 124, _text(out), _text(err) + f"\nno end after {timeout} s")
    if check and result.returncode != 0:
        raise CommandError(argv, result)
    return result


def start(command, log, env=None, stdin=subprocess.DEVNULL, stdout=None, cwd=None):
    """Starts a program in a process group of its own; `log` (a path) gets stderr, and stdout unless given."""
    with open(log, "ab") as file:
        return subprocess.Popen(split(command), stdin=stdin, stdout=stdout or file, stderr=file, env=env, cwd=cwd,
                                start_new_session=True)


def _text(data):
    return data if isinstance(data, str) else data.decode(errors="replace")
