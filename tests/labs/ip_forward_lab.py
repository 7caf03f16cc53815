#!/usr/bin/python3
"""Nothing is forwarded twice, whatever ip_forward says in the router's namespace, before or after the start."""

import re

from lab import document, kernel, runner, topology, wait

COUNT = 50
# Of each TAP, whatever the namespace's `all` says.
WANT = {"net.ipv4.conf.{}.forwarding": "0", "net.ipv4.conf.{}.rp_filter": "0", "net.ipv6.conf.{}.forwarding": "1",
        "net.ipv6.conf.{}.keep_addr_on_down": "1"}


def sysctls(net):
    return {key.format(tap): net.router.read_sysctl(key.format(tap)) for tap in ("wan", "lan") for key in WANT}


def as_wanted(net):
    return sysctls(net) == {key.format(tap): value for tap in ("wan", "lan") for key, value in WANT.items()}


def once(net, says, when):
    says.expect(lambda: wait.until(lambda: as_wanted(net), str(sysctls(net)), 3), f"{when}: the TAPs' sysctls are right")
    before = (kernel.snmp(net.server, "Icmp", "InEchos"), kernel.snmp6(net.server, "Icmp6InEchos"))
    forwarded = (kernel.snmp(net.router, "Ip", "ForwDatagrams"), kernel.snmp6(net.router, "Ip6OutForwDatagrams"))
    for address in ("10.2.0.2", "2001:db8:2::2"):
        out = net.client.run(f"ping -n -c {COUNT} -i 0.01 -q {address}", check=False).stdout
        says.check(re.search(rf"{COUNT} packets transmitted, {COUNT} received, 0% packet loss", out) and "dup" not in out,
                   f"{when}: {COUNT} pings to {address}, {COUNT} answers", out)
    after = (kernel.snmp(net.server, "Icmp", "InEchos"), kernel.snmp6(net.server, "Icmp6InEchos"))
    says.equal(tuple(a - b for a, b in zip(after, before)), (COUNT, COUNT), f"{when}: each reached the server once")
    now = (kernel.snmp(net.router, "Ip", "ForwDatagrams"), kernel.snmp6(net.router, "Ip6OutForwDatagrams"))
    says.equal(now, forwarded, f"{when}: the router's kernel forwarded nothing")


def body(lab, says):
    net = topology.Network(lab)
    net.router.sysctl("net.ipv4.ip_forward", 1)
    net.router.sysctl("net.ipv4.conf.all.rp_filter", 0)
    net.start(document.base(lab))
    net.reachable()
    once(net, says, "ip_forward=1 before the start")
    net.router.sysctl("net.ipv4.ip_forward", 0)
    once(net, says, "ip_forward=0")
    net.router.sysctl("net.ipv4.ip_forward", 1)
    net.router.sysctl("net.ipv6.conf.all.forwarding", 1)
    once(net, says, "ip_forward=1 and IPv6 forwarding=1 while it runs")
    net.router.sysctl("net.ipv6.conf.all.forwarding", 0)
    once(net, says, "IPv6 forwarding=0 while it runs")
    return net


if __name__ == "__main__":
    runner.main("ip_forward", body, __doc__)
