#!/usr/bin/python3
"""QUIC connections that change their address: packets whose connection id names a server reach it from everywhere, in the
clear and encrypted (by OpenSSL here), while weights change and a server is drained."""

import copy
import json
import subprocess

from lab import document, paths, runner, topology, wait

PORT = 443
KEY = "8f95f09245765f80256934e50c66207f"
VIPS = {4: document.VIPS["ipip4"][0], 6: document.VIPS["ipip6"][0]}
SOURCES = {4: ("10.1.0.2", "10.1.0.3", "10.1.0.4"), 6: ("2001:db8:1::2", "2001:db8:1::3", "2001:db8:1::4")}
WEBS = ("web1", "web2", "web3")

# Answers each packet with its name, from the address that it was sent to.
_SERVER = """
import socket, sys
vip, port, name = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode()
s = socket.socket(socket.AF_INET6 if ":" in vip else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((vip, port))
while True:
    s.sendto(name, s.recvfrom(2048)[1])
"""

# Sends each payload from each source and port; who answered, one list a payload.
_CLIENT = """
import json, socket, sys
vip, port, sources, payloads = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(","), sys.argv[4:]
answers = []
for payload in payloads:
    seen = []
    for number, source in enumerate(sources * 3):
        s = socket.socket(socket.AF_INET6 if ":" in vip else socket.AF_INET, socket.SOCK_DGRAM)
        s.settimeout(2)
        s.bind((source, 20000 + 13 * number))
        s.sendto(bytes.fromhex(payload), (vip, port))
        try:
            seen.append(s.recv(100).decode())
        except TimeoutError:
            seen.append(None)
        s.close()
    answers.append(seen)
print(json.dumps(answers))
"""


def config(lab):
    value = document.base(lab)
    value["balancer"] = {"source": {"ipv4": "10.2.0.1", "ipv6": "2001:db8:2::1"}}
    value["services"] = {}
    for family, forward in ((4, "ipip4"), (6, "ipip6")):
        service = document.service(forward, "ipip", family)
        service.update(protocol="udp", port=PORT, health={"icmp": {}, "interval": "200ms", "timeout": "200ms"},
                       quic=[{"rotation": 0, "server_id_length": 2, "nonce_length": 6},
                             {"rotation": 1, "server_id_length": 8, "nonce_length": 8, "key": KEY}])
        service["vip"] = [VIPS[family]]
        for number, backend in enumerate(service["backends"].values(), start=1):
            backend["quic_ids"] = [f"000{number}", f"00000000000000a{number}"]
        value["services"][f"quic{family}"] = service
    return value


def clear(number, nonce):
    return f"08000{number}{nonce:012x}"


def encrypted(number, nonce):
    block = bytes.fromhex(f"00000000000000a{number}{nonce:016x}")
    done = subprocess.run(["openssl", "enc", "-aes-128-ecb", "-nopad", "-K", KEY], input=block, capture_output=True, check=True)
    return "30" + done.stdout.hex()


def short_header(connection_id):
    return "41" + connection_id + "ee" * 24


def long_header(connection_id):
    return "c300000001" + f"{len(connection_id) // 2:02x}" + connection_id + "ee" * 24


def ask(net, family, payloads):
    out = net.client.run([paths.PYTHON, "-c", _CLIENT, VIPS[family], PORT, ",".join(SOURCES[family]), *payloads]).stdout
    return json.loads(out)


def found(net, says, family, when, webs=WEBS):
    """Every server's connection ids, in both forms and headers, from all addresses."""
    payloads, want = [], []
    for number, name in enumerate(WEBS, start=1):
        if name not in webs:
            continue
        for make in (clear, encrypted):
            for header in (short_header, long_header):
                payloads.append(header(make(number, 1000 + 17 * len(payloads))))
                want.append([name] * 9)
    says.equal(ask(net, family, payloads), want,
               f"IPv{family}: {len(payloads)} connection ids from 9 addresses and ports each reach their server {when}")


def body(lab, says):
    net = topology.Network(lab).serve()
    for family, sources in SOURCES.items():
        net.client.address("eth0", *[f"{s}/{24 if family == 4 else 64}" for s in sources[1:]])
        for name, node in net.webs.items():
            node.background([paths.PYTHON, "-c", _SERVER, VIPS[family], PORT, name], f"udp{family}")
    net.start(config(lab))
    net.reachable().backends_up()
    for family in VIPS:
        wait.until(lambda f=family: None not in ask(net, f, ["41ff"])[0], "all servers answer", 15)
        found(net, says, family, "at once")
        seen = {name for row in ask(net, family, [short_header("ff" * 8), "41"]) for name in row}
        says.check(None not in seen and len(seen) > 1, f"IPv{family}: what names no server goes by its flow", str(seen))
    changed = copy.deepcopy(net.flyoverd.document)
    for service in changed["services"].values():
        service["backends"]["web1"]["weight"] = 7
        service["backends"]["web2"]["weight"] = 0
        service["backends"] = dict(reversed(service["backends"].items()))
    net.flyoverd.document = changed
    net.flyoverd.reload()
    for family in VIPS:
        found(net, says, family, "after other weights, another order and a drained server")
    return net


if __name__ == "__main__":
    runner.main("quic", body, __doc__)
