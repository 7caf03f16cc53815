"""Step 2, balanced: 300 requests to each kind of service, shares against the Maglev table, 10 MB both ways."""

import collections
import hashlib
import math
import re

from lab import document, wait
from lab.web import Web

from .routed import download

REQUESTS = 300

KINDS = {
    "dsr4": "L2-DSR, IPv4",
    "ipip4": "IPIP (4in4)",
    "dsr6": "L2-DSR, IPv6",
    "ipip6": "IP6IP6",
}


def balanced(net, says):
    for service, kind in KINDS.items():
        for vip in document.VIPS[service]:
            shares(net, says, service, kind, vip)
        vip = document.VIPS[service][0]
        download(net, says, document.url(vip, "/big.bin"), f"{kind}: 10 MB downloaded from {vip}")
        upload(net, says, kind, vip)
    tunnels_opened(net, says)


def shares(net, says, service, kind, vip, requests=REQUESTS):
    """One curl, `requests` connections; the counts per server beside the Maglev table's shares."""
    # curl's [1-300] makes the requests; each asks for a connection of its own.
    command = ["curl", "-sS", "--max-time", "30", "-H", "Connection: close",
               document.url(vip, f"/whoami?[1-{requests}]").replace("[2001", "\\[2001").replace("]/", "\\]/")]
    result = net.client.run(command, check=False)
    counts = collections.Counter(result.stdout.split())
    rows = [f"{'backend':<8} {'answers':>8} {'share':>8} {'table':>8} {'sigma':>6}"]
    good = sum(counts.values()) == requests
    for backend in document.backends(net.flyoverd, service):
        p = float(backend["table_share_percent"]) / 100
        got = counts.get(backend["name"], 0)
        sigma = math.sqrt(requests * p * (1 - p)) or 1e-9
        off = (got - requests * p) / sigma
        good = good and abs(off) <= 4
        rows.append(f"{backend['name']:<8} {got:>8} {got / requests:>8.1%} {p:>8.1%} {off:>+6.1f}")
    says.show("client", command, "\n".join(rows) + "\n" + result.stderr)
    return says.check(good, f"{kind}: {requests} requests to {vip}, every backend within 4 sigma of its table share",
                      f"{sum(counts.values())} answers: {dict(counts)}; {result.stderr.strip()[-200:]}")


def upload(net, says, kind, vip):
    """PUT of 10 MB; the stored file is compared where the server put it."""
    source = net.lab.state / "www" / "big.bin"
    name = f"{kind.split()[0].strip(',')}-{vip.replace(':', '_')}"
    net.client.ip("route flush cache")
    net.client.ip("-6 route flush cache")
    result = says.run(net.client, ["curl", "-sS", "-g", "--max-time", "30", "-T", source, "-D", "-", "-o", "/dev/null",
                                   "-w", "%{http_code} %{size_upload} bytes", document.url(vip, f"/upload/{name}")],
                      lines=3)
    backend = re.search(r"X-Backend: (\S+)", result.stdout)
    stored = net.web[backend.group(1)].uploaded(name) if backend else None
    good = result.returncode == 0 and stored is not None and stored.exists()
    same = good and hashlib.sha256(stored.read_bytes()).hexdigest() == Web.checksums["big.bin"]
    says.check(same, f"{kind}: 10 MB uploaded to {vip}, SHA-256 is right where it was stored",
               f"curl exit code {result.returncode}: {result.stderr.strip()}")
    if "IP6IP6" in kind or "IPIP" in kind:
        learnt_mtu(net, says, kind, vip)


def learnt_mtu(net, says, kind, vip):
    """The tunnel's header leaves less room: the client must have been told, by ICMP."""
    want = 1500 - (40 if ":" in vip else 20)
    out = says.run(net.client, f"ip route get {vip}", lines=3).stdout
    found = re.search(r"\bmtu (\d+)", out)
    says.equal(int(found.group(1)) if found else None, want, f"{kind}: the client learnt the tunnel's MTU by ICMP")


def tunnels_opened(net, says):
    """The backends' own count: packets came in tunnels, of both families."""
    program = net.lab.state / "bin" / "flyover-decap"
    for name, node in net.webs.items():
        out = node.run([program, "status", "eth0"]).stdout
        if name == "web1":
            says.show(node.short, "flyover-decap status eth0", out, lines=14)
        counters = {l.split()[0]: int(l.split()[1]) for l in out.splitlines() if re.match(r"\w+ +\d+ ", l)}
        says.check(counters["decap_4in4"] > 0 and counters["decap_6in6"] > 0 and counters["drop_inner"] == 0
                   and counters["drop_outer"] == 0,
                   f"{name} opened {counters['decap_4in4']} IPIP and {counters['decap_6in6']} IP6IP6 packets, none faulty",
                   str(counters))


def until_share(net, service, backend, seconds):
    """Waits until requests reach `backend` again."""
    vip = document.VIPS[service][0]

    def answers():
        out = net.client.run(["curl", "-s", "-g", "--max-time", "2", "-H", "Connection: close",
                              document.url(vip, "/whoami")], check=False).stdout
        return out.strip() == backend

    wait.until(answers, f"{backend} answers for {vip} again", seconds)
