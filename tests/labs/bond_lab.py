#!/usr/bin/python3
"""An active-backup bond of two devices (net_tap, whose link is that of a kernel interface): TCP goes on when the active
member's link goes, and returns to the preferred one; what a probe every millisecond loses is printed.

      client --- wan [ flyoverd ] lan = bond of two --- switch --- server
"""

from lab import clients, document, runner, topology, wait, web
from steps.routed import download

MEMBERS = ("dt0", "dt1")
MOST_LOST = 500


def members(net):
    port = next(p for p in net.flyoverd.json("show ports")["ports"] if p["name"] == "lan")
    return {m["device"]: m for m in port["members"]}


def active(net):
    return [name for name, m in members(net).items() if m["active"]]


def loss(net, says, what, action):
    """Answers missing of a probe every millisecond while `action` happens."""
    probe = clients.Probe(net.client, "10.2.0.2", every_ms=1.0, seconds=3.0)
    probe.first_answer()
    action()
    summary = probe.rest()[-1]
    lost = summary["sent_total"] - summary["answered"]
    says.check(lost < MOST_LOST, f"{what}: {lost} of {summary['sent_total']} probes, one a millisecond, are lost")


def body(lab, says):
    config = document.base(lab)
    config["ports"]["lan"] = {
        "bond": {"mode": "active-backup",
                 "members": [f"net_tap{n},iface={name}" for n, name in enumerate(MEMBERS)]},
        "addresses": config["ports"]["lan"]["addresses"]}
    net = topology.Network(lab)
    web.Web(net.server)
    net.start(config)
    for name in MEMBERS:
        net.dataplane.ip(f"link set {name} up")
    clients.Switch(net.dataplane, "lan0", *MEMBERS)
    net.reachable()
    says.equal(active(net), ["net_tap0"], "the first member is active")
    for address in ("10.2.0.2", "2001:db8:2::2"):
        download(net, says, document.url(address, "/big.bin"), f"10 MB from {address} over the bond")
    loss(net, says, "the active member's link goes",
         lambda: net.dataplane.ip("link set dt0 down"))
    says.expect(lambda: wait.until(lambda: active(net) == ["net_tap1"], "the other member", 5),
                "the other member is active now")
    for address in ("10.2.0.2", "2001:db8:2::2"):
        download(net, says, document.url(address, "/big.bin"), f"10 MB from {address} over the other member")
    loss(net, says, "it comes back", lambda: net.dataplane.ip("link set dt0 up"))
    says.expect(lambda: wait.until(lambda: active(net) == ["net_tap0"], "the preferred member", 5),
                "the preferred member is active again")
    download(net, says, document.url("10.2.0.2", "/big.bin"), "10 MB over it")
    shown = net.flyoverd.flyover("show ports").stdout
    says.check("net_tap1" in shown and "spare" in shown, "show ports names the members", shown)
    return net


if __name__ == "__main__":
    runner.main("bond", body, __doc__)
