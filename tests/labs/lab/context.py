"""One lab run: its namespaces, files and processes, all of which go away at the end, however it ends."""

import fcntl
import os
import shutil
import signal
import subprocess
import time

from . import hugepages, netns, paths


class Busy(AssertionError):
    """The same lab is running already."""


class Context:
    """Use as `with Context("name") as lab:`. Leftovers of an earlier run that crashed are removed first.

    name     namespaces are called fly-NAME-...
    state    directory for configs, sockets and served files; removed at the end
    logs     lab-logs/NAME: logs and captures; removed at the end unless the lab failed or keep_logs is set
    """

    def __init__(self, name, keep=False):
        self.name = name
        self.prefix = f"fly-{name}-"
        self.keep = keep
        self.keep_logs = False
        self.options = None  # what the lab was called with
        self.state = paths.STATE_ROOT / name
        self.logs = paths.LOG_ROOT / name
        self._cleanups = []
        self._lock = None

    def __enter__(self):
        # An exception unwinds through __exit__, which a default SIGTERM would not.
        signal.signal(signal.SIGTERM, _interrupt)
        signal.signal(signal.SIGHUP, _interrupt)
        self._take_lock()
        remove(self.name)
        hugepages.remember(self.name)
        self.state.mkdir(parents=True)
        os.chmod(self.state, 0o755)
        shutil.rmtree(self.logs, ignore_errors=True)
        self.logs.mkdir(parents=True)
        return self

    def __exit__(self, kind, error, trace):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not cut the cleaning short
        failed = kind is not None or self.keep_logs
        if not (self.keep and kind is None):
            for cleanup in reversed(self._cleanups):
                try:
                    cleanup()
                except (AssertionError, OSError, subprocess.SubprocessError) as problem:
                    print(f"cleaning up: {problem}")
            remove(self.name)
            hugepages.give_back(self.name)
        if not failed:
            shutil.rmtree(self.logs, ignore_errors=True)
            _remove_if_empty(self.logs.parent)
        if not (self.keep and kind is None):
            os.unlink(self._lock.name)
            _remove_if_empty(paths.STATE_ROOT)
        self._lock.close()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def _take_lock(self):
        paths.STATE_ROOT.mkdir(parents=True, exist_ok=True)
        self._lock = open(paths.STATE_ROOT / f"{self.name}.lock", "w", encoding="ascii")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Busy(f"lab '{self.name}' is running already ({self._lock.name} is locked)") from error

    def namespace(self, short, **options):
        return netns.Namespace(self.prefix + short, **options)

    def log(self, name):
        return self.logs / name

    def on_exit(self, cleanup):
        """Called at the end, last registered first; not when the lab is kept."""
        self._cleanups.append(cleanup)

    def start(self, namespace, command, name, **options):
        """A background program that ends with the lab. Its output goes to the log NAME.log."""
        process = namespace.start(command, self.log(f"{name}.log"), **options)
        self.on_exit(lambda: stop(process))
        return process


def stop(process, seconds=5, how=signal.SIGTERM):
    """Ends a process that we started, and returns its exit code."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


def remove(name):
    """Removes what a run of the lab `name` left: processes in its namespaces, the namespaces, its state."""
    names = netns.existing(f"fly-{name}-")
    for sign in (signal.SIGTERM, signal.SIGKILL):
        for namespace in names:
            for pid in netns.pids(namespace):
                _kill(pid, sign)
        if not wait_gone(names, 2.0):
            continue
        break
    for namespace in names:
        netns.delete(namespace)
    shutil.rmtree(paths.STATE_ROOT / name, ignore_errors=True)
    return names


def wait_gone(names, seconds):
    deadline = time.monotonic() + seconds
    while any(netns.pids(n) for n in names):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _remove_if_empty(directory):
    try:
        directory.rmdir()
    except OSError:
        pass  # another lab's files are in it


def _kill(pid, sign):
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        pass


def _interrupt(number, frame):
    raise KeyboardInterrupt
