#!/usr/bin/python3
"""A service of a whole prefix and a range of ports: every address and port of it reaches the backends, and datagrams in
fragments reach the same backend as whole ones (IPv6: net_af_packet puts IPv4 fragments together before we see them)."""

import json

from lab import document, paths, runner, topology, wait

PREFIX = {4: "198.51.100.0/24", 6: "2001:db8:200::/64"}
ADDRESSES = {4: ("198.51.100.1", "198.51.100.77", "198.51.100.254"), 6: ("2001:db8:200::1", "2001:db8:200::1234:5")}
PORTS = (8000, 8050, 8100)
FLOWS = 24

# Answers with its name and the length of what came, by UDP. argv: name, first and last port.
SERVER = """
import select, socket, sys
name, first, last = sys.argv[1].encode(), int(sys.argv[2]), int(sys.argv[3])
sockets = {}
for family, any_address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
    for port in range(first, last + 1):
        s = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            s.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO
        s.bind((any_address, port))
        sockets[s] = family
print("ready", flush=True)
while True:
    for s in select.select(list(sockets), [], [])[0]:
        # The answer's source is the address that was asked, one of thousands: as a server behind DSR does it.
        data, control, _, peer = s.recvmsg(65535, 256)
        s.sendmsg([name + b" %d" % len(data)], control, 0, peer)
"""

# One datagram of so many bytes a flow; prints the answers. argv: address, port, size, flows, first source port.
CLIENT = """
import json, socket, sys
address, port, size, flows, first = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
answers = []
for i in range(flows):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.settimeout(1)
    s.bind(("", first + i))
    try:
        for attempt in range(3):
            s.sendto(b"x" * size, (address, port))
            try:
                answers.append(s.recv(100).decode().split())
                break
            except socket.timeout:
                pass
        else:
            answers.append(None)
    finally:
        s.close()
print(json.dumps(answers))
"""


def answers(net, address, port, size, flows=FLOWS, first=20000):
    out = net.client.run([paths.PYTHON, "-c", CLIENT, address, str(port), str(size), str(flows), str(first)]).stdout
    return json.loads(out)


def config(lab):
    value = document.base(lab)
    value["services"] = {}
    for family, backend in ((4, "10.2.0.{}"), (6, "2001:db8:2::{}")):
        backends = {f"web{n}": {"address": backend.format(10 + n)} for n in (1, 2, 3)}
        common = {"forward": "l2dsr", "table_size": 251, "protocol": "udp"}
        value["services"][f"range{family}"] = {**common, "vip": PREFIX[family], "port": "8000-8100", "backends": backends}
        # One address and port of it has a service of its own.
        value["services"][f"one{family}"] = {**common, "vip": ADDRESSES[family][1], "port": 8050,
                                             "backends": {"web1": dict(backends["web1"])}}
    return value


def body(lab, says):
    net = topology.Network(lab)
    net.serve(decap=False)
    for node in net.webs.values():
        for family in (4, 6):
            node.ip(f"-{family} route add local {PREFIX[family]} dev lo")
        # Answers come from addresses that are local by a route only.
        node.sysctl("net.ipv6.ip_nonlocal_bind", 1)
        node.background([paths.PYTHON, "-c", SERVER, node.short, "8000", "8100"], f"udp-{node.short}")
    flyoverd = net.start(config(lab))
    net.reachable()
    for family in (4, 6):
        wait.until(lambda f=family: None not in answers(net, ADDRESSES[f][0], 8000, 10, 3), "all servers answer", 20)
        names = set()
        for address in ADDRESSES[family]:
            for port in PORTS:
                whole = answers(net, address, port, 100)
                says.check(None not in whole, f"{address} port {port}: {FLOWS} datagrams are answered",
                           str(whole))
                names.update(a[0] for a in whole if a)
                own = address == ADDRESSES[family][1] and port == 8050
                if own:
                    says.equal({a[0] for a in whole}, {"web1"}, "and the single address and port by its own backend")
                if family == 4:
                    continue
                # 4000 bytes leave in three fragments.
                pieces = answers(net, address, port, 4000)
                says.equal(pieces, [[a[0], "4000"] for a in whole], "in fragments, each flow's by the same backend")
        says.equal(names, {"web1", "web2", "web3"}, f"IPv{family}: over all backends")
        other = answers(net, ADDRESSES[family][0], 8101, 10, 1)
        says.equal(other, [None], "a port outside of the range has no service")
    services = {s["name"]: s for s in flyoverd.json("show services")["services"]}
    says.equal((services["range4"]["vips"], services["range4"]["ports"]), ([PREFIX[4]], "8000-8100"), "show services")
    drops = {d["reason"]: d["packets"] for d in flyoverd.json("show drops")["drops"]}
    says.equal(drops.get("vip_fragment", 0), 0, "no fragment was lost")
    return flyoverd


if __name__ == "__main__":
    runner.main("vip_prefix", body, __doc__)
