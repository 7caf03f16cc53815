"""Step 1, routed: ping, traceroute and a download cross the data plane, in IPv4 and IPv6."""

import re

from lab import document, files
from lab.web import BIG, Web

# Behind the server, so that Flyover follows a route and not only its own subnets.
FAR = {4: "10.9.0.1", 6: "2001:db8:9::1"}
OWN = {4: "10.1.0.1", 6: "2001:db8:1::1"}


def routed(net, says):
    for family in (4, 6):
        _ping(net, says, family)
        _traceroute(net, says, family)
        download(net, says, document.url(FAR[family], "/big.bin"), f"IPv{family}: 10 MB downloaded through the router")


def _ping(net, says, family):
    out = says.run(net.client, f"ping -{family} -n -c 5 -i 0.05 {FAR[family]}", lines=4).stdout
    says.check(" 0% packet loss" in out and "duplicates" not in out, f"IPv{family}: 5 pings, 5 answers, none twice",
               last_line(out))
    hops = {int(t) for t in re.findall(r"(?:ttl|hlim)=(\d+)", out)}
    says.check(hops == {63}, f"IPv{family}: the answers crossed exactly one router", f"TTL {sorted(hops)}")


def _traceroute(net, says, family):
    out = says.run(net.client, f"traceroute -{family} -n -q 2 -w 2 -m 5 {FAR[family]}").stdout
    hops = [line.split()[1] for line in out.splitlines()[1:] if len(line.split()) > 1]
    says.equal(hops, [OWN[family], FAR[family]], f"IPv{family}: Flyover is the first hop and says so, the target the second")


def download(net, says, url, claim, name="big.bin", node=None):
    """curl into a file, by the client unless told; every byte compared."""
    path = net.lab.state / "download"
    path.unlink(missing_ok=True)
    report = "%{http_code} %{size_download} bytes, %{speed_download} bytes/s"
    result = says.run(node or net.client, ["curl", "-sS", "-g", "--max-time", "30", "-o", path, "-w", report, url])
    good = result.returncode == 0 and path.exists() and files.sha256(path) == Web.checksums[name]
    return says.check(good, f"{claim}, SHA-256 is right",
                      f"curl exit code {result.returncode}, {path.stat().st_size if path.exists() else 0} of {BIG} bytes")


def last_line(text):
    lines = [l for l in text.splitlines() if "packets transmitted" in l]
    return lines[-1] if lines else "(no summary)"
