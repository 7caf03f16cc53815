"""Step 6, the ledger: no packet is unaccounted for, and the kernel's counters at the wires' other ends agree."""

from lab import ledger


def books(net, says, witness=None):
    """`witness` began before the traffic; without one, the traffic is one made here."""
    if witness is None:
        witness = ledger.Witness(net)
        net.client.run("ping -n -c 20 -i 0.01 10.9.0.1", check=False)
    out = net.flyoverd.flyover("show counters").stdout
    says.show("dataplane", "flyover show counters", out, lines=30)
    result = says.expect(lambda: ledger.assert_balanced(net.flyoverd),
                         "rx + from_kernel + generated + copies = tx + punted + drops + buffered, per source and in all")
    if result:
        says.note(ledger.table(result).replace("\n", "\n   "))
    says.expect(witness.assert_agrees, "the veth peers' own counters say the same")
    out = net.flyoverd.flyover("show drops").stdout
    says.show("dataplane", "flyover show drops", out, lines=20)
