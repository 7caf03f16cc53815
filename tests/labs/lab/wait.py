"""Waiting for a condition, always with a deadline."""

import time


class Timeout(AssertionError):
    """A condition did not come true in time."""


def until(condition, what, seconds=5.0, every=0.02):
    """Calls condition() until it returns something true, and returns that. Raises Timeout naming `what`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise Timeout(f"waited {seconds:g} s in vain for: {what}")
        time.sleep(every)


def holds(condition, what, seconds, every=0.05):
    """Asserts that condition() stays true for `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not condition():
            raise AssertionError(f"did not stay true for {seconds:g} s: {what}")
        time.sleep(every)
