#!/usr/bin/python3
"""Three boxes with one document behind a router that spreads flows over them: one is killed, one is added, and no
connection breaks, since all choose alike. One with another seed is found by `flyover fleet`."""

from lab import clients, document, fleet, runner
from steps.server_dies import finished


def downloads(net):
    return [clients.Downloads(net.client, document.url(vip, "/slow"), 50) for vip in fleet.VIPS]


def alike(net, says, boxes, what):
    code, out = net.compare(*boxes)
    says.show("edge", f"flyover fleet   # {what}", out)
    says.equal(code, 0, f"{what}: all choose alike")


def killed(net, says):
    first, second, third = net.boxes
    before = [box.packets() for box in net.boxes]
    crowds = downloads(net)
    carried = [box.packets() - then for box, then in zip(net.boxes, before)]
    says.check(min(carried) > 0, f"each box carries some of it: {carried} packets")
    third.flyoverd.kill()
    net.spread_over(first, second)
    for crowd, vip in zip(crowds, fleet.VIPS):
        finished(says, crowd, f"the death of a box on the way to {vip}")


def added(net, says):
    first, second, third = net.boxes
    third.start()
    alike(net, says, net.boxes, "a third box that has just started")
    crowds = downloads(net)
    net.spread_over(first, second, third)
    for crowd, vip in zip(crowds, fleet.VIPS):
        finished(says, crowd, f"a third box on the way to {vip}")
    says.check(third.packets() > 0, f"which carried {third.packets()} packets")


def other_seed(net, says):
    first, second, third = net.boxes
    net.spread_over(first, third)
    second.flyoverd.stop()
    second.start(seed=fleet.SEED + 1)
    code, out = net.compare(*net.boxes)
    says.show("edge", "flyover fleet   # one has another seed", out)
    says.check(code == 1 and out.count(" NO ") == len(fleet.SERVICES), "one with another seed is found", out)
    second.flyoverd.stop()
    code, out = net.compare(first, second)
    says.check(code == 1 and f"{second.lan[0]}:{fleet.METRICS_PORT}/metrics: " in out, "so is one that does not answer", out)


def body(lab, says):
    net = fleet.Fleet(lab)
    net.spread_over(*net.boxes)
    alike(net, says, net.boxes, "three boxes")
    says.progress("a box is killed")
    killed(net, says)
    says.progress("a box is added")
    added(net, says)
    says.progress("another seed")
    other_seed(net, says)
    return net.boxes[0].flyoverd


if __name__ == "__main__":
    runner.main("fleet", body, __doc__)
