#!/usr/bin/python3
"""Every way to a backend carries real HTTP: L2-DSR, L3DSR, IPIP, GRE and GUE of both variants, in every pair of
families, opened by flyover-decap; what is too long is told to the client or cut; the MSS of SYNs is lowered."""

import hashlib
import re

from lab import document, runner, topology, wait
from lab.encapsulations import config, prepare, ways
from lab.web import Web

REQUESTS = 60


def http(net, says, name, vip):
    """Requests from every server, a download and an upload with compared bytes."""
    url = document.url(vip, f"/whoami?[1-{REQUESTS}]").replace("[2001", "\\[2001").replace("]/", "\\]/")
    answers = net.client.run(["curl", "-sS", "--max-time", "20", "-H", "Connection: close", url], check=False)
    names = answers.stdout.split()
    down = net.client.run(["curl", "-sS", "-g", "--max-time", "20", "-o", net.lab.state / "down", "-w", "%{http_code}",
                           document.url(vip, "/big.bin")], check=False)
    whole = hashlib.sha256((net.lab.state / "down").read_bytes()).hexdigest() == Web.checksums["big.bin"]
    up = net.client.run(["curl", "-sS", "-g", "--max-time", "30", "-T", net.lab.state / "www" / "big.bin", "-D", "-",
                         "-o", "/dev/null", document.url(vip, f"/upload/{name}")], check=False)
    server = re.search(r"X-Backend: (\S+)", up.stdout)
    stored = net.web[server.group(1)].uploaded(name) if server else None
    kept = stored is not None and stored.exists()
    same = kept and hashlib.sha256(stored.read_bytes()).hexdigest() == Web.checksums["big.bin"]
    return says.check(len(names) == REQUESTS and len(set(names)) == 3 and whole and same,
                      f"{name}: {REQUESTS} requests to {vip} answered by {len(set(names))} servers, 10 MB down and up "
                      "with the right SHA-256",
                      f"{len(names)} answers, down {down.stdout} {down.stderr}, up {up.stdout[:200]} {up.stderr}")


def learnt_mtu(net, says, name, vip, overhead):
    out = net.client.ip(f"route get {vip}").stdout
    found = re.search(r"\bmtu (\d+)", out)
    says.equal(int(found.group(1)) if found else None, 1500 - overhead, f"{name}: the client learnt the MTU that is left")


def counted(net, says, program):
    """Each way was opened by the program's own branch for it."""
    wanted = [f"{label}_{vip}in{backend}" for label in ("decap", "gre", "gue", "gue1") for vip in (4, 6)
              for backend in (4, 6)] + ["l3dsr_4", "l3dsr_6"]
    for name, node in net.webs.items():
        out = node.run([program, "status", "eth0"]).stdout
        if name == "web1":
            says.show(node.short, "flyover-decap status eth0", out, lines=40)
        counters = {l.split()[0]: int(l.split()[1]) for l in out.splitlines() if re.match(r"\w+ +\d+ ", l)}
        idle = [w for w in wanted if counters[w] == 0]
        bad = {k: v for k, v in counters.items() if k.startswith("drop") and v}
        says.check(not idle and not bad, f"{name} opened packets of all {len(wanted)} kinds, none faulty",
                   f"idle: {idle}, dropped: {bad}")


def entropy(net, says, vips):
    """The outer source port of GUE follows the flow: one for each connection, many in all. Seen on the switch: on the
    server the program takes the outer headers off before tcpdump sees them."""
    _, path = net.lan.capture("web1", "gue", "udp port 6080")
    wait.until(path.exists, "tcpdump has begun", 5)
    url = document.url(vips["gue0-4in4"], "/whoami?[1-200]")
    net.client.run(["curl", "-sS", "--max-time", "20", "-H", "Connection: close", url])

    def ports():
        out = net.lan.run(["tcpdump", "-nr", path], check=False).stdout
        return {int(p) for p in re.findall(r"10\.2\.0\.1\.(\d+) > 10\.2\.0\.11\.6080", out)}

    wait.until(lambda: len(ports()) > 20, "more than 20 outer source ports were seen", 5)
    seen = ports()
    says.check(min(seen) >= 49152, f"GUE: {len(seen)} outer source ports for some 67 connections, all of the dynamic range",
               str(sorted(seen)[:5]))


def too_big_and_mss(net, says, vips, flyoverd):
    """`tcp_mss` bounds what servers send; a backend's `mtu` is what the client is told."""
    service = flyoverd.document["services"]["gue0-4in4"]
    service["tcp_mss"] = 1000
    for backend in service["backends"].values():
        backend["mtu"] = 1400
    flyoverd.reload()
    net.client.ip("route flush cache")
    process, path = net.client.capture("eth0", "mss", f"tcp and src host {vips['gue0-4in4']}")
    wait.until(path.exists, "tcpdump has begun", 5)
    http(net, says, "gue0-4in4", vips["gue0-4in4"])
    process.terminate()
    process.wait()
    out = net.client.run(["tcpdump", "-nr", path], check=False).stdout
    lengths = [int(n) for n in re.findall(r"length (\d+)", out)]
    # Segments are joined on the way in only where offloads are on; they are off here.
    says.check(lengths and 900 < max(lengths) <= 1000, f"with tcp_mss 1000 the servers' longest segment has {max(lengths)} "
               "bytes", str(lengths[:10]))
    learnt_mtu(net, says, "gue0-4in4 with a backend's mtu of 1400", vips["gue0-4in4"], 100 + 32)


def one_source_one_server(net, says, vips, flyoverd):
    """With `affinity: source` the client finds one server with all its connections, by every service of that family."""
    names = [n for n, (_, family, *_) in ways().items() if family == 4 and n != "gue0-4in4"]
    for name in names:
        service = flyoverd.document["services"][name]
        service["affinity"] = "source"
    flyoverd.reload()
    answers = set()
    for name in names:
        if "in6" in name:
            continue  # other addresses: another pool
        url = document.url(vips[name], "/whoami?[1-20]")
        out = net.client.run(["curl", "-sS", "--max-time", "20", "-H", "Connection: close", url]).stdout.split()
        answers.update(out)
    says.equal(len(answers), 1, f"affinity: source: one server answers for all services with one pool ({answers})")


def body(lab, says):
    net = topology.Network(lab)
    net.serve(decap=False)
    document_, vips = config(lab)
    program = prepare(net, vips)
    net.start(document_)
    net.reachable()
    says.show("dataplane", "flyover show services", net.flyoverd.flyover("show services").stdout, lines=30)
    for name, (_, _, _, overhead) in ways().items():
        http(net, says, name, vips[name])
        if overhead:
            learnt_mtu(net, says, name, vips[name], overhead)
    counted(net, says, program)
    entropy(net, says, vips)
    too_big_and_mss(net, says, vips, net.flyoverd)
    one_source_one_server(net, says, vips, net.flyoverd)
    return net


if __name__ == "__main__":
    runner.main("encapsulations", body, __doc__)
