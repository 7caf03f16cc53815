"""The books: where every packet came from and where it went, from `flyover show counters`, judged here.

    rx + from_kernel + generated + copies = tx + punted + sum(drops) + buffered

holds exactly for each source and in all. The kernel's counters of the veth peers and of the TAPs are a second witness
that knows nothing of the daemon's.
"""

import contextlib
import copy

from . import wait

IN = ("rx", "from_kernel", "generated", "copies")
OUT = ("tx", "punted", "dropped", "buffered")


def read(flyoverd):
    """{source: {term: packets}} with the total under "total"."""
    books = flyoverd.json("show counters", check=False)  # exit code 1: does not balance; judged here
    return {row["name"]: {term: int(row[term]) for term in IN + OUT} for row in [*books["sources"], books["total"]]}


def imbalance(terms):
    return sum(terms[t] for t in IN) - sum(terms[t] for t in OUT)


def assert_balanced(flyoverd):
    """Raises AssertionError naming every source that does not balance; returns the books."""
    books = read(flyoverd)
    wrong = [f"{source}: off by {imbalance(terms):+d} ({terms})" for source, terms in books.items()
             if imbalance(terms) != 0]
    for term in IN + OUT:
        total = sum(terms[term] for source, terms in books.items() if source != "total")
        if total != books["total"][term]:
            wrong.append(f"total of {term} is {books['total'][term]}, the sources make {total}")
    if wrong:
        raise AssertionError("the ledger does not balance: " + "; ".join(wrong))
    return books


@contextlib.contextmanager
def quiet(flyoverd):
    """Health checks all but stopped, by reload: two sets of counters can only be compared while nothing moves."""
    services = flyoverd.document.get("services", {})
    if not services:
        yield
        return
    usual = copy.deepcopy(flyoverd.document)
    for service in services.values():
        service["health"]["interval"] = "60s"
    flyoverd.reload()
    try:
        yield
    finally:
        flyoverd.document = usual
        flyoverd.reload()


class Witness:
    """The kernel's own counters beside flyoverd's, from a moment on."""

    # port: (namespace attribute of the network, the interface at the other end of the wire)
    PEERS = {"wan": ("client", "eth0"), "lan": ("lan", "flyover")}

    def __init__(self, network):
        self.network = network
        with quiet(network.flyoverd):
            self.start = wait.until(self._steady, "quiet wires", 15, every=0.05)

    def _snapshot(self):
        network = self.network
        sample = {}
        for port in network.flyoverd.json("show ports")["ports"]:
            name = port["name"]
            node, interface = self.PEERS[name]
            sent, received = getattr(network, node).packets(interface)
            tap_out, tap_in = network.router.packets(port["tap"])
            sample[name] = {"rx": port["rx_packets"], "missed": port["rx_missed"], "tx": port["tx_packets"],
                            "peer_sent": sent, "peer_received": received, "from_kernel": port["tap_out_packets"],
                            "to_kernel": port["tap_in_writes"], "tap_out": tap_out, "tap_in": tap_in}
        return sample

    def _steady(self):
        """A sample during which nothing moved, or None."""
        before = self._snapshot()
        return before if self._snapshot() == before else None

    def differences(self):
        """What the two witnesses disagree about: [] when they agree."""
        now = self._steady()
        if now is None:
            return ["packets are still moving"]
        wrong = []
        for port, old in self.start.items():
            grown = {key: value - old[key] for key, value in now[port].items()}
            if grown["rx"] + grown["missed"] != grown["peer_sent"]:
                wrong.append(f"{port}: the peer sent {grown['peer_sent']}, received were {grown['rx']} "
                             f"(and {grown['missed']} missed)")
            if grown["tx"] != grown["peer_received"]:
                wrong.append(f"{port}: sent were {grown['tx']}, the peer received {grown['peer_received']}")
            if grown["from_kernel"] != grown["tap_out"] or grown["to_kernel"] != grown["tap_in"]:
                wrong.append(f"{port}: {grown['from_kernel']} from and {grown['to_kernel']} to the kernel, "
                             f"which counts {grown['tap_out']} and {grown['tap_in']} on the TAP")
        return wrong

    def assert_agrees(self, seconds=10):
        last = []

        def agrees():
            last[:] = self.differences()
            return not last

        with quiet(self.network.flyoverd):
            try:
                wait.until(agrees, "agreement", seconds, every=0.1)
            except wait.Timeout:
                raise AssertionError("the wires' counters disagree: " + "; ".join(last)) from None


def table(books):
    """As text, for people."""
    terms = IN + OUT
    rows = [f"{'source':<12}" + "".join(f"{t:>13}" for t in terms) + f"{'difference':>13}"]
    for source, values in books.items():
        rows.append(f"{source:<12}" + "".join(f"{values[t]:>13,}" for t in terms) + f"{imbalance(values):>13}")
    return "\n".join(rows)
