#!/usr/bin/python3
"""The demo's step `routed` in a network of its own."""

from lab import runner, topology
from steps.routed import routed


def body(lab, says):
    net = topology.standard(lab)
    routed(net, says)
    return net


if __name__ == "__main__":
    runner.main("routed", body, __doc__)
