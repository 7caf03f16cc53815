#!/usr/bin/python3
"""The demo's step `server_dies` in a network of its own."""

from lab import runner, topology
from steps.server_dies import server_dies


def body(lab, says):
    net = topology.standard(lab)
    server_dies(net, says)
    return net


if __name__ == "__main__":
    runner.main("server_dies", body, __doc__)
