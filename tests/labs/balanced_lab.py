#!/usr/bin/python3
"""The demo's step `balanced` in a network of its own."""

from lab import runner, topology
from steps.balanced import balanced


def body(lab, says):
    net = topology.standard(lab)
    balanced(net, says)
    return net


if __name__ == "__main__":
    runner.main("balanced", body, __doc__)
