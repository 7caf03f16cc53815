#!/usr/bin/python3
"""The demo's step `reload` in a network of its own."""

from lab import runner, topology
from steps.reload import reload


def body(lab, says):
    net = topology.standard(lab)
    reload(net, says)
    return net


if __name__ == "__main__":
    runner.main("reload", body, __doc__)
