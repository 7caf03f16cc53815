#!/usr/bin/python3
"""What ports do beyond forwarding, switched on by reloads: IPv4 fragments, reverse path check, MSS clamp, DSCP marks,
directed broadcasts. Real ping, curl and tcpdump are the judges, IPv4 and IPv6.
"""

import re

from lab import document, kernel, runner, topology, wait, web

SPOOFED = {4: "10.99.0.1", 6: "2001:db8:99::1"}  # lives on the client; the route to it leads to the lan
SERVER = {4: "10.2.0.2", 6: "2001:db8:2::2"}
NARROW = 1280


def ping(node, *arguments):
    return node.run(["ping", "-n", "-c", "1", "-W", "1", *arguments], check=False).returncode == 0


def drops(net, reason):
    return next(d["packets"] for d in net.flyoverd.json("show drops")["drops"] if d["reason"] == reason)


def change(net, port, **features):
    """A reload of one port's keys; the data plane goes on."""
    net.flyoverd.document["ports"][port].update(features)
    net.flyoverd.reload()


def fragments(net, says):
    # The server knows its link's MTU; the client does not know it. What comes back in pieces net_af_packet's socket puts
    # together again (PACKET_FANOUT_FLAG_DEFRAG), and is then too big for the port: the server's kernel is the judge.
    for address in ("10.2.0.1", "2001:db8:2::1"):
        net.server.ip(["-6" if ":" in address else "-4", *f"route replace default via {address} mtu {NARROW}".split()])
    before = kernel.snmp(net.server, "Ip", "ReasmOKs")
    ping(net.client, "-M", "dont", "-s", "1400", SERVER[4])
    says.equal(kernel.snmp(net.server, "Ip", "ReasmOKs"), before + 1,
               "a 1,428-byte ping without DF is cut, and the server puts it together")
    says.check(net.flyoverd.json("show drops")["fragmented"] >= 1, "and counted")
    says.check(not ping(net.client, "-M", "do", "-s", "1400", SERVER[4]), "with DF it is refused")
    learnt = says.run(net.client, f"ip route get {SERVER[4]}").stdout
    says.check(f"mtu {NARROW}" in learnt, "and the client learns the MTU", learnt)
    net.client.ip("route flush cache")
    change(net, "lan", fragment="off")
    before = drops(net, "mtu_exceeded")
    says.check(not ping(net.client, "-M", "dont", "-s", "1400", SERVER[4]), "fragment: off refuses without DF, too")
    says.check(drops(net, "mtu_exceeded") > before, "as mtu_exceeded")
    change(net, "lan", fragment="on")


def reverse_path(net, says):
    for family, address in SPOOFED.items():
        spoof = ("-I", address, SERVER[family])
        net.client.address("lo", f"{address}/{32 if family == 4 else 128}")
        before = drops(net, "urpf")
        ping(net.client, *spoof)
        says.equal(drops(net, "urpf"), before, f"IPv{family}: off lets any source pass")
        change(net, "wan", urpf="strict")
        ping(net.client, *spoof)
        says.check(drops(net, "urpf") > before, f"IPv{family}: strict refuses a source whose route leads elsewhere")
        says.check(ping(net.client, SERVER[family]), f"IPv{family}: and lets the others pass")
        before = drops(net, "urpf")
        change(net, "wan", urpf="loose")
        ping(net.client, *spoof)
        says.equal(drops(net, "urpf"), before, f"IPv{family}: loose accepts it, there is a route")
        change(net, "wan", urpf="off")


def seen_by_server(net, expression, action):
    """What tcpdump on the server prints of the first packet that fits."""
    process, path = net.server.capture("eth0", f"seen-{len(list(net.lab.logs.glob('*seen*')))}", expression)
    wait.until(lambda: path.exists() and path.stat().st_size >= 24, "tcpdump listens", 10)
    action()
    read = lambda: net.server.run(["tcpdump", "-nvr", path], check=False).stdout
    try:
        return wait.until(read, "the packet", 5)
    finally:
        process.terminate()


def marks(net, says):
    change(net, "wan", tcp_mss=1000, dscp=46)
    for family, expression, mss in ((4, "tcp port 80 and tcp[tcpflags] & tcp-syn != 0", 1000),
                                    (6, "ip6 and tcp port 80 and dst host 2001:db8:2::2", 980)):
        url = document.url(SERVER[family], "/whoami")
        text = seen_by_server(net, expression, lambda u=url: net.client.run(["curl", "-sg", "--max-time", "5", u]))
        says.check(re.search(rf"mss {mss}\b", text), f"IPv{family}: the server sees an MSS of {mss}", text[:300])
        says.check("tos 0xb8" in text or "class 0xb8" in text, f"IPv{family}: and DSCP 46", text[:200])
    shown = net.flyoverd.flyover("show ports").stdout
    says.check("tcp_mss 1000, dscp 46" in shown, "show ports says so", shown)
    change(net, "wan", tcp_mss="off", dscp="off")


def broadcasts(net, says):
    net.server.sysctl("net.ipv4.icmp_echo_ignore_broadcasts", 0)
    before = drops(net, "ip_broadcast")
    says.check(not ping(net.client, "10.2.0.255"), "a directed broadcast is not forwarded")
    says.check(drops(net, "ip_broadcast") > before, "but dropped as ip_broadcast")
    change(net, "lan", directed_broadcast="on")
    says.expect(lambda: wait.until(lambda: ping(net.client, "10.2.0.255"), "an answer", 5),
                "directed_broadcast: on sends it to the link, and a host answers")
    change(net, "lan", directed_broadcast="off")
    says.check(not ping(net.client, "10.2.0.255"), "off again, it is not")


def body(lab, says):
    config = document.base(lab)
    config["ports"]["lan"]["mtu"] = NARROW
    config["routes"] = [{"to": "10.99.0.0/16", "via": "10.2.0.2"}, {"to": "2001:db8:99::/48", "via": "2001:db8:2::2"}]
    net = topology.standard(lab, serve=False, config=config)
    web.Web(net.server)
    fragments(net, says)
    reverse_path(net, says)
    marks(net, says)
    broadcasts(net, says)
    return net


if __name__ == "__main__":
    runner.main("port_features", body, __doc__)
