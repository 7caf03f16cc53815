"""Step 3, a server dies: the health check notices in time, nobody else's download breaks, and it comes back."""

import time

from lab import clients, document, wait
from lab.web import SLOW, Web

from .balanced import shares, until_share

SERVICE, VICTIM, OTHERS = "ipip4", "web3", ("web1", "web2")


def server_dies(net, says):
    vip = document.VIPS[SERVICE][0]
    crowd = clients.Downloads(net.client, document.url(vip, "/slow"), 50, avoid=VICTIM)
    says.show("client", f"50 downloads of http://{vip}/slow", f"running on: {crowd.running}")
    says.check(sum(crowd.running.values()) == 50 and set(crowd.running) == set(OTHERS),
               f"50 downloads are running on {' and '.join(OTHERS)}", str(crowd.running))

    stopped = time.monotonic()
    net.web[VICTIM].stop()
    says.show(VICTIM, "nginx -s stop")
    wait.until(lambda: not is_up(net), "the health check takes the server out", document.DETECTION + 5, every=0.01)
    took = time.monotonic() - stopped
    # A quarter of a second is what asking `flyover show` on two busy cores may take.
    says.check(took <= document.DETECTION + 0.25,
               f"out after {took:.2f} s; fall x interval + timeout = {document.DETECTION:.2f} s", "too late")
    out = net.flyoverd.flyover("show backends").stdout
    says.show("dataplane", "flyover show backends", out, lines=16)
    row = backend_row(net)
    says.check(bool(row.get("reason")), f"`flyover show backends` says why: {row.get('reason')}", str(row))

    shares(net, says, SERVICE, f"without {VICTIM}", vip)
    finished(says, crowd, "the death of a server")

    net.web[VICTIM].start()
    says.show(VICTIM, "nginx")
    wait.until(lambda: is_up(net), "the health check takes the server in again", 10, every=0.05)
    until_share(net, SERVICE, VICTIM, 10)
    shares(net, says, SERVICE, f"with {VICTIM} again", vip)


def backend_row(net, name=VICTIM):
    return next(r for r in document.backends(net.flyoverd, SERVICE) if r["name"] == name)


def is_up(net):
    return backend_row(net)["state"] == "up"


def finished(says, crowd, event):
    """All downloads of a crowd are whole."""
    results = crowd.finish()
    broken = [r for r in results if r["error"] or r["sha256"] != Web.checksums["slow"]]
    says.show("client", "the downloads' end", f"{len(results)} downloads of {SLOW} bytes, {len(broken)} broken")
    says.check(len(results) == 50 and not broken, f"50 downloads outlived {event}, SHA-256 is right",
               str(broken[:2]))
