#!/usr/bin/python3
"""Unresolved neighbours: packets wait for the kernel's answer, an absent host becomes unreachable, and a flood of
addresses nobody has stays bounded and starves nobody."""

import pathlib

from lab import clients, document, ledger, runner, senders, topology, wait

SWEEP_RATE, SWEEP_SECONDS = 10_000, 4
GC_THRESH3 = pathlib.Path("/proc/sys/net/ipv4/neigh/default/gc_thresh3")  # one for all namespaces
HOSTS = 4000  # addresses that nobody has, in the /16 of the LAN


def incomplete(net):
    out = net.router.ip("neigh show dev lan").stdout.splitlines()
    return sum("INCOMPLETE" in l or " NONE" in l for l in out)


def held_and_sent(net, says):
    for family, target in ((4, "10.2.0.2"), (6, "2001:db8:2::2")):
        net.router.ip(f"-{family} neigh flush dev lan")
        out = says.run(net.client, f"ping -n -c 3 -i 0.2 {target}", lines=3).stdout
        says.check(" 0% packet loss" in out, f"IPv{family}: the packet that asked for the neighbour was held and sent", out)


def absent(net, says):
    out = says.run(net.client, "ping -n -c 6 -i 0.5 -W 3 10.2.77.77").stdout
    says.check("From 10.1.0.1" in out and "Destination Host Unreachable" in out,
               "IPv4: an absent host becomes `Destination Host Unreachable`, from Flyover", out)
    out = says.run(net.client, "ping -n -c 6 -i 0.5 -W 3 2001:db8:2::dead").stdout
    says.check("From 2001:db8:1::1" in out and "Address unreachable" in out,
               "IPv6: an absent host becomes `Address unreachable`, from Flyover", out)


def flood(net, says):
    limit = int(GC_THRESH3.read_text()) // 2
    targets = [f"10.2.{64 + i // 250}.{1 + i % 250}" for i in range(HOSTS)]
    net.router.ip("neigh del 10.2.0.11 dev lan", check=False)
    most = 0
    for begin in range(0, HOSTS, 500):
        senders.udp(net.client, 500, targets[begin:begin + 500])
        most = max(most, incomplete(net))
    says.check(0 < most <= limit, f"{HOSTS} addresses that nobody has: at most {most} open resolutions, allowed {limit}")
    ping = "ping -n -c 1 -W 1 {}"
    says.expect(lambda: wait.until(lambda: net.client.run(ping.format("10.2.0.11"), check=False).returncode == 0,
                                   "an answer", 10), "a host that is there is resolved all the same")
    says.equal(net.client.run(ping.format("10.2.0.2"), check=False).returncode, 0, "a resolved one never noticed")

    def empty():
        return ledger.read(net.flyoverd)["total"]["buffered"] == 0

    says.expect(lambda: wait.until(empty, "0 packets buffered", 20, every=0.2), "no packet is held for ever")
    drops = {d["reason"]: d["packets"] for d in net.flyoverd.json("show drops")["drops"] if d["packets"]}
    says.check(sum(drops.get(r, 0) for r in ("hold_full", "hold_expired", "host_unreachable")) > 0,
               f"what was not delivered has a name: {drops}")


def sweep(net, says):
    """RFC 6583: a scan of the subnet harms neither those that are there nor the kernel's table."""
    for family, first, host in ((4, "10.2.128.1", "10.2.0.2"), (6, "2001:db8:2::1:1", "2001:db8:2::2")):
        limit = int(pathlib.Path(str(GC_THRESH3).replace("ipv4", f"ipv{family}")).read_text())
        probe = clients.Probe(net.client, host, every_ms=20, seconds=SWEEP_SECONDS + 2)
        rate = senders.sweep(net.client, first, SWEEP_RATE, SWEEP_SECONDS)
        entries = len(net.router.ip(f"-{family} neigh show").stdout.splitlines())
        answers = probe.answers()
        asked = int((SWEEP_SECONDS + 2) * 50)
        says.check(rate > 0.8 * SWEEP_RATE and entries < limit,
                   f"IPv{family}: {SWEEP_SECONDS} s of {rate:,.0f} new addresses a second leave {entries} entries in the "
                   f"kernel's table, which holds {limit}")
        says.check(len(answers) >= 0.99 * asked, f"IPv{family}: a neighbour that is there answered {len(answers)} of {asked} "
                   "echo requests meanwhile")


def neighbor_state(net, address):
    rows = net.router.ip_json(f"neigh show {address} dev lan")
    return rows[0]["state"][0] if rows else "none"


def is_stale(net, address):
    state = neighbor_state(net, address)
    # Flyover may have sent the first packet by what it knew before it heard of the flush.
    if state == "none":
        net.reachable(address)
    return state == "STALE"


def kept_reachable(net, says):
    """The kernel does not see what Flyover sends; it is told."""
    for family, used, unused in ((4, "10.2.0.2", "10.2.0.12"), (6, "2001:db8:2::2", "2001:db8:2::12")):
        # The kernel varies this by half. It must stay above the second below: an IPv6 probe counts as use of the entry.
        net.router.sysctl(f"net.ipv{family}.neigh.lan.base_reachable_time_ms", 3000)
        net.router.sysctl(f"net.ipv{family}.neigh.lan.delay_first_probe_time", 1)
        # The host's own probes of the router, which it sends after each answer to one, would keep the entry in use.
        net.webs["web2"].sysctl(f"net.ipv{family}.neigh.eth0.delay_first_probe_time", 600)
        net.router.ip(f"-{family} neigh flush dev lan")  # those that are there keep the times of before
        net.reachable(used, unused)
        wait.until(lambda u=unused: is_stale(net, u), "a stale neighbour", 60)
        states = []
        probe = clients.Probe(net.client, used, every_ms=50, seconds=20)
        while probe.process.poll() is None:
            states.append(neighbor_state(net, used))
        changes = [s for s, before in zip(states[1:], states) if s != before]
        says.check(changes.count("REACHABLE") >= 2 and "FAILED" not in states and "none" not in states,
                   f"IPv{family}: a neighbour in use is confirmed whenever it has become stale: "
                   f"{' '.join(states[:1] + changes[:9])}")
        says.equal(neighbor_state(net, unused), "STALE", f"IPv{family}: one that nobody sends to is left alone")
        sent = {n["address"]: n["packets"] for n in net.flyoverd.json("show neighbors")["neighbors"]}
        says.check(sent[used] >= 200, f"IPv{family}: `flyover show neighbors` counts what it was sent: {sent[used]}", sent)


def body(lab, says):
    config = document.base(lab)
    config["ports"]["lan"]["addresses"][0] = "10.2.0.1/16"
    net = topology.standard(lab, serve=False, config=config)
    held_and_sent(net, says)
    absent(net, says)
    kept_reachable(net, says)
    sweep(net, says)
    flood(net, says)
    return net


if __name__ == "__main__":
    runner.main("neighbor", body, __doc__)
