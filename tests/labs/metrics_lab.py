#!/usr/bin/python3
"""The demo's step `metrics` in a network of its own."""

from lab import runner, topology
from steps.metrics import metrics


def body(lab, says):
    net = topology.standard(lab)
    metrics(net, says)
    return net


if __name__ == "__main__":
    runner.main("metrics", body, __doc__)
