#!/usr/bin/python3
"""SIGTERM and SIGINT under traffic: exit code 0 within a second, and the next start works."""

import signal
import time

from lab import clients, document, ledger, runner, topology


def body(lab, says):
    net = topology.standard(lab, serve=False, config=document.base(lab))
    for sign in (signal.SIGTERM, signal.SIGINT):
        probe = clients.Probe(net.client, "10.2.0.2", every_ms=1, seconds=30)
        if probe.first_answer() is None:
            raise AssertionError("no traffic")
        says.expect(lambda: ledger.assert_balanced(net.flyoverd), "the ledger balances under traffic")
        begin = time.monotonic()
        code = net.flyoverd.stop(how=sign, seconds=10)
        took = time.monotonic() - begin
        probe.stop()
        says.equal(code, 0, f"{sign.name}: exit code 0")
        says.check(took <= 1.0, f"{sign.name}: ended after {took:.2f} s")
        says.equal(net.flyoverd.flyover("show version", check=False).returncode, 3,
                   "`flyover` says that there is no daemon: exit code 3")
        net.flyoverd.start()
        net.reachable()
    return net


if __name__ == "__main__":
    runner.main("signals", body, __doc__)
