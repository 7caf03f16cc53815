#!/usr/bin/python3
"""Unresolved neighbours: packets wait for the kernel's answer, an absent host becomes unreachable, and a flood of
addresses nobody has stays bounded and starves nobody."""

import pathlib

from lab import document, ledger, runner, senders, topology, wait

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


def body(lab, says):
    config = document.base(lab)
    config["ports"]["lan"]["addresses"][0] = "10.2.0.1/16"
    net = topology.standard(lab, serve=False, config=config)
    held_and_sent(net, says)
    absent(net, says)
    flood(net, says)
    return net


if __name__ == "__main__":
    runner.main("neighbor", body, __doc__)
