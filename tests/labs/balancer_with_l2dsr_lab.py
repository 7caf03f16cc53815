#!/usr/bin/python3
"""docs/balancer_with_l2dsr.md, word for word: its document, and its commands on each server. Only the devices differ:
veths instead of PCI addresses."""

from lab import document, page, runner, topology, wait

VIPS = ("192.0.2.80", "2001:db8:100::80")
PAGE = page.Page("balancer_with_l2dsr.md")


def served(net, vip):
    """The servers that answered 30 requests, each of a connection of its own."""
    out = net.client.run(["sh", "-c", "for n in $(seq 30); do curl -sg --max-time 2 " + document.url(vip, "/whoami")
                          + "; done"], check=False).stdout
    return set(out.split())


def body(lab, says):
    config = document.base(lab)
    config.update(PAGE.document(config))
    net = topology.Network(lab)
    net.serve(decap=False)
    for node in net.webs.values():
        says.check(PAGE.run(node) == 0, f"{node.short}: the page's commands")
    flyoverd = net.start(config)
    net.reachable()
    net.backends_up()
    for vip in VIPS:
        says.equal(served(net, vip), {"web1", "web2", "web3"}, f"{vip} is served by all")
    drained = flyoverd.flyover("backend drain web web1 --wait --timeout 5m", timeout=120)
    says.show("dataplane", "flyover backend drain web web1 --wait --timeout 5m", drained.stdout, lines=8)
    says.equal(served(net, VIPS[0]), {"web2", "web3"}, "a drained server gets no new connections")
    flyoverd.flyover("backend enable web web1")
    says.expect(lambda: wait.until(lambda: "web1" in served(net, VIPS[0]), "web1", 10), "and again when it is enabled")
    return flyoverd


if __name__ == "__main__":
    runner.main("balancer_with_l2dsr", body, __doc__)
