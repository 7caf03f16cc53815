#!/usr/bin/python3
"""The demo's step `ledger`: books after mixed traffic, with the kernel's counters as a second witness."""

from lab import document, ledger, runner, topology
from steps.books import books


def body(lab, says):
    net = topology.standard(lab)
    witness = ledger.Witness(net)
    # Forwarded, balanced, answered by the kernel, refused, unresolved: every term of the equation moves.
    for address in ("10.9.0.1", "2001:db8:9::1", "10.1.0.1", "192.0.2.1", "10.7.7.7", "10.2.0.200"):
        net.client.run(f"ping -n -c 10 -i 0.01 -W 1 {address}", check=False)
    for vips in document.VIPS.values():
        net.client.run(["curl", "-s", "-g", "-o", "/dev/null", document.url(vips[0], "/big.bin")])
    net.client.run("traceroute -n -q 1 -w 1 -m 3 10.9.0.1", check=False)
    books(net, says, witness)
    terms = ledger.read(net.flyoverd)["total"]
    for term in ("rx", "from_kernel", "generated", "tx", "punted", "dropped"):
        says.check(terms[term] > 0, f"{term} took part", str(terms))
    return net


if __name__ == "__main__":
    runner.main("ledger", body, __doc__)
