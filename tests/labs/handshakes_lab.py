#!/usr/bin/python3
"""A backend whose health check passes but whose answers to clients are lost is found from the clients' packets alone:
their SYNs come again and no ACK follows, while the other backends answer."""

from lab import document, runner, topology, wait
from steps.metrics import LISTEN

CONNECTIONS = 900
SERVICE = "ipip4"
VIP = document.VIPS[SERVICE][0]
# Connections that are opened at once, and how many were made within six seconds.
_CONNECT = """
import select, socket, time
pending = []
for _ in range({connections}):
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex(("{vip}", 80))
    pending.append(s)
end, made, poll = time.monotonic() + 6, 0, select.poll()
by_fd = dict((s.fileno(), s) for s in pending)
for s in pending:
    poll.register(s, select.POLLOUT)
while by_fd and time.monotonic() < end:
    for fd, _ in poll.poll(200):
        poll.unregister(fd)
        made += by_fd.pop(fd).getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
print(made)
"""


def connect(net):
    return int(net.client.run(["python3", "-c", _CONNECT.format(connections=CONNECTIONS, vip=VIP)], timeout=60).stdout)


def handshakes(net):
    return {h["backend"]: h for h in net.flyoverd.json("show handshakes")["backends"] if h["service"] == SERVICE}


def alarmed(net):
    return {name for name, h in handshakes(net).items() if h["swallows"]}


def share(net):
    """Percent of new flows that web2 gets."""
    return {b["name"]: b["table_share_percent"] for b in document.backends(net.flyoverd, SERVICE)}["web2"]


def body(lab, says):
    net = topology.standard(lab)
    web2 = net.webs["web2"]

    made = connect(net)
    shown = handshakes(net)
    says.show("dataplane", "flyover show handshakes", net.flyoverd.flyover("show handshakes").stdout, lines=8)
    answered = sum(h["answered"] for h in shown.values())
    says.check(made == CONNECTIONS and CONNECTIONS / 16 < answered < CONNECTIONS / 4,
               f"{made} of {CONNECTIONS} connections, {answered} of their handshakes watched, one in eight")
    says.check(all(h["answered"] > 10 * h["unanswered"] and 0 < h["answer_p50_us"] <= h["answer_p99_us"] for h in shown.values()),
               "each backend answered, in a time that is shown", str(shown))
    says.equal(alarmed(net), set(), "nobody is accused")

    web2.ip("route add blackhole 10.1.0.0/24")
    made = connect(net)
    says.check(CONNECTIONS / 2 < made < CONNECTIONS, f"web2's answers are lost: {made} of {CONNECTIONS} connections are made")
    says.expect(lambda: wait.until(lambda: alarmed(net) == {"web2"}, "the alarm", 40), "web2 swallows connections, and no other")
    says.show("dataplane", "flyover show handshakes", net.flyoverd.flyover("show handshakes").stdout, lines=8)
    shown = handshakes(net)
    # A packet that this machine loses under load is repeated, too.
    says.check(all(shown["web2"][what] > 15 and shown["web2"][what] > 4 * shown[other][what]
                   for what in ("unanswered", "repeated") for other in ("web1", "web3")),
               "unanswered and repeated SYNs are web2's", str(shown))
    says.equal({b["name"]: b["state"] for b in document.backends(net.flyoverd, SERVICE)}["web2"], "up",
               "its health check goes on passing")
    text = net.router.run(["curl", "-sS", "--max-time", "5", f"http://{LISTEN}/metrics"]).stdout
    lines = [line for line in text.splitlines() if line.startswith("flyover_backend_swallows{") and line.endswith(" 1")]
    says.check(len(lines) == 1 and '"web2"' in lines[0] and f'"{SERVICE}"' in lines[0], "the metric of the alarm says so", str(lines))

    whole = share(net)
    net.flyoverd.document["services"][SERVICE]["swallow_weight"] = 20
    net.flyoverd.reload()
    less = share(net)
    says.check(whole > 30 and less < 12, f"with swallow_weight 20 it gets {less:.1f} % of new flows in place of {whole:.1f} %")

    web2.ip("route del blackhole 10.1.0.0/24")
    # As it gets fewer now it takes more of them to show.
    says.equal([connect(net) for _ in range(4)], [CONNECTIONS] * 4, "web2 answers again: all connections are made")
    says.expect(lambda: wait.until(lambda: not alarmed(net), "no alarm", 60), "the alarm ends when its window has passed")
    says.equal(share(net), whole, "and web2 has its weight again")
    return net


if __name__ == "__main__":
    runner.main("handshakes", body, __doc__)
