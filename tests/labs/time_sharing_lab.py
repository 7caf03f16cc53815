#!/usr/bin/python3
"""The demo's step `time_sharing` in a network of its own."""

from lab import runner, topology
from steps.time_sharing import time_sharing


def body(lab, says):
    net = topology.standard(lab)
    time_sharing(net, says)
    return net


if __name__ == "__main__":
    runner.main("time_sharing", body, __doc__)
