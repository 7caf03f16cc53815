#!/usr/bin/python3
"""`flyover show lcores --stages`: under traffic, the cycles of each stage that packets came to; of the others,
nothing."""

from lab import document, runner, topology


def stages(net):
    return {s["name"]: s for s in net.flyoverd.json("show lcores --stages")["lcores"][0]["stages"]}


def body(lab, says):
    config = document.base(lab)
    config["metrics"] = {"listen": "off"}
    net = topology.standard(lab, serve=False, config=config)
    net.reachable()
    # Far beyond one packet in 128 rounds, each a round of its own.
    net.client.background(["ping", "-q", "-n", "-i", "0.001", "10.2.0.2"], "ping")
    seen = stages(net)
    says.note(", ".join(f"{n} {s['cycles_per_packet']:.0f}" for n, s in seen.items() if s["cycles"]))
    for name in ("receive", "plain_input", "fib_lookup", "plain_output", "transmit"):
        says.check(seen[name]["packets"] > 0 and seen[name]["cycles"] > 0, f"{name}: packets and cycles", str(seen[name]))
    for name in ("encap", "tunnels"):
        says.check(seen[name]["packets"] == 0, f"{name}: no packet came to it", str(seen[name]))
    says.check(seen["fib_lookup"]["packets"] <= seen["receive"]["packets"], "no stage sees more than was received")
    plain = net.flyoverd.json("show lcores")["lcores"][0]["stages"]
    says.check(plain == [], "without --stages none is listed", str(plain))
    text = net.flyoverd.flyover("show lcores --stages").stdout
    says.check("CYCLES/PACKET" in text and "fib_lookup" in text, "the table for people has the stages", text)
    return net


if __name__ == "__main__":
    runner.main("stages", body, __doc__)
