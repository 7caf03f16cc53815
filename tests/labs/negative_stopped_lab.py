#!/usr/bin/python3
"""Negative control: with the daemon stopped nothing passes, so what passes in the other labs passes through it."""

from lab import ledger, runner, topology


def tries(net):
    """What reaches the other side: names of the attempts that got an answer."""
    attempts = {
        "ping": (net.client, "ping -n -c 2 -i 0.1 -W 1 10.2.0.2"),
        "ping over IPv6": (net.client, "ping -n -c 2 -i 0.1 -W 1 2001:db8:2::2"),
        "ping from the server": (net.server, "ping -n -c 2 -i 0.1 -W 1 10.1.0.2"),
        "HTTP": (net.client, "curl -s -o /dev/null --max-time 2 http://10.9.0.1/whoami"),
        "HTTP to a VIP by route": (net.client, "curl -s -o /dev/null --max-time 2 http://192.0.2.1/whoami"),
        "HTTP to a VIP by ARP": (net.client, "curl -s -o /dev/null --max-time 2 http://10.1.0.100/whoami"),
        "HTTP to a VIP over IPv6": (net.client, "curl -g -s -o /dev/null --max-time 2 http://[2001:db8:100::1]/whoami"),
        "ping of the router's TAP": (net.client, "ping -n -c 2 -i 0.1 -W 1 10.1.0.1"),
    }
    return [name for name, (node, command) in attempts.items() if node.run(command, check=False).returncode == 0]


def body(lab, says):
    net = topology.standard(lab)
    says.equal(len(tries(net)), 8, "with the daemon running every attempt is answered")
    says.expect(lambda: ledger.assert_balanced(net.flyoverd), "the ledger balances")
    says.equal(net.flyoverd.stop(), 0, "the daemon stops")
    before = [net.lan.packets("flyover")[1], net.client.packets("eth0")[1]]
    says.equal(tries(net), [], "with the daemon stopped no attempt is answered")
    after = [net.lan.packets("flyover")[1], net.client.packets("eth0")[1]]
    says.equal(after, before, "not one frame came out of the data plane's namespace, on either side")


if __name__ == "__main__":
    runner.main("negative_stopped", body, __doc__)
