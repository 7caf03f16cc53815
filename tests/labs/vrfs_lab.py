#!/usr/bin/python3
"""VRFs: two customers with the same addresses, each in a namespace with its own routes and its own BIRD, and a shared
network that one of them may reach; then 100 VRFs in one process, and what they cost.

    a1 -- blue1 [  VRF blue  ] blue2 -- a2      10.1.0.0/24, 10.2.0.0/24
    b1 -- red1  [  VRF red   ] red2  -- b2      the same
    m1 -- main1 [    main    ]                  10.9.0.0/24; leaks to and from red
"""

from lab import bird, daemon, document, netns, runner, wait, web
from lab.node import Node

SIDES = {"a": "blue", "b": "red"}
SMALL = 100
BOUND = 200  # MB that 100 small VRFs may take


def lan(n, host):
    return [f"10.{n}.0.{host}/24", f"2001:db8:{n}::{host}/64"]


def bare(addresses):
    return [a.split("/")[0] for a in addresses]


def config(lab):
    value = document.base(lab)
    value["ports"] = {"main1": {"device": document.af_packet(0, "main1"), "addresses": lan(9, 1)}}
    for index, (color, n) in enumerate((c, n) for c in SIDES.values() for n in (1, 2)):
        value["ports"][f"{color}{n}"] = {"device": document.af_packet(index + 1, f"{color}{n}"), "vrf": color,
                                         "addresses": lan(n, 1)}
    value["vrfs"] = {color: {"namespace": f"{lab.prefix}{color}"} for color in SIDES.values()}
    value["routes"] = [
        # Behind b2, and from there seen in main too; main's own network seen from red.
        {"to": "10.77.0.0/24", "vrf": "red", "via": "10.2.0.2"},
        {"to": "2001:db8:77::/64", "vrf": "red", "via": "2001:db8:2::2"},
        {"to": "10.77.0.0/24", "leak": "red"}, {"to": "2001:db8:77::/64", "leak": "red"},
        {"to": "10.9.0.0/24", "vrf": "red", "leak": "main"}, {"to": "2001:db8:9::/64", "vrf": "red", "leak": "main"},
    ]
    return value


def whoami(node, address, source=None):
    bound = ["--interface", source] if source else []
    return node.run(["curl", "-sg", "--max-time", "2", *bound, document.url(address, "/whoami")], check=False).stdout.strip()


def ping(node, address):
    return node.run(["ping", "-n", "-c", "1", "-W", "1", address], check=False)


def routes(flyoverd, vrf):
    return flyoverd.json(["show", "routes", "--vrf", vrf, "--limit", "0"])["routes"]


def two_customers(lab, says):
    dataplane = Node(lab, "dataplane", ipv6=False)
    vrfs = {name: Node(lab, name) for name in ("router", *SIDES.values())}
    hosts = {}
    wires = [("m1", "main1", 9)] + [(f"{side}{n}", f"{SIDES[side]}{n}", n) for side in SIDES for n in (1, 2)]
    for name, wire, n in wires:
        hosts[name] = Node(lab, name)
        netns.veth(hosts[name], "eth0", dataplane, wire)
        hosts[name].address("eth0", *lan(n, 2))
        hosts[name].default_route(*bare(lan(n, 1)))
    hosts["b2"].address("lo", "10.77.0.1/32", "2001:db8:77::1/128")
    flyoverd = daemon.Flyoverd(dataplane, config(lab)).start()
    for name in ("m1", "a2", "b2"):
        web.Web(hosts[name])
    for side, color in SIDES.items():
        for address in bare(lan(2, 2)):
            says.expect(lambda s=side, a=address: wait.until(lambda: whoami(hosts[f"{s}1"], a) == f"{s}2", "an answer", 15),
                        f"in VRF {color}, {address} is {side}2")
    says.check("Net" in ping(hosts["a1"], "10.9.0.2").stdout, "from blue there is no way to main: net unreachable")
    for near, far, source, address in (("m1", "b2", None, "10.77.0.1"), ("m1", "b2", None, "2001:db8:77::1"),
                                       ("b2", "m1", "10.77.0.1", "10.9.0.2"), ("b2", "m1", "2001:db8:77::1", "2001:db8:9::2")):
        reaches = lambda n=near, f=far, s=source, a=address: wait.until(lambda: whoami(hosts[n], a, s) == f, "an answer", 15)
        says.expect(reaches, f"the leak carries TCP: {near} reaches {address}, which is {far}")
    for color in SIDES.values():
        kernel = vrfs[color].ip("route").stdout
        says.check(f"10.1.0.0/24 dev {color}1" in kernel and "main1" not in kernel, f"ip route in {color} has {color}'s routes alone")
        says.equal(ping(hosts["a1" if color == "blue" else "b1"], "10.1.0.1").returncode, 0, f"{color}'s own kernel answers ping")
    bgp(lab, says, flyoverd, vrfs["blue"], hosts)
    shown_alike(says, flyoverd)
    vrfs["blue"].ip("link set blue2 down")
    says.expect(lambda: wait.until(lambda: ping(hosts["a1"], "10.2.0.2").returncode != 0, "silence", 5), "blue2 down: blue has no way")
    says.equal(whoami(hosts["b1"], "10.2.0.2"), "b2", "and red is not touched")
    vrfs["blue"].ip("link set blue2 up")
    return flyoverd


def bgp(lab, says, flyoverd, blue, hosts):
    """A daemon in the VRF's namespace: what it learns is the VRF's, and outlives kill -9 of flyoverd."""
    hosts["a2"].address("lo", "10.55.0.1/32", "2001:db8:55::1/128")
    speaker = bird.Bird(blue, "10.2.0.1", bird.bgp("a4", 65001, "10.2.0.2", 65002) + bird.bgp("a6", 65001, "2001:db8:2::2", 65002))
    bird.Bird(hosts["a2"], "10.2.0.2", bird.bgp("r4", 65002, "10.2.0.1", 65001, ["10.55.0.0/16"]) +
              bird.bgp("r6", 65002, "2001:db8:2::1", 65001, ["2001:db8:55::/48"]))
    for address in ("10.55.0.1", "2001:db8:55::1"):
        says.expect(lambda a=address: wait.until(lambda: whoami(hosts["a1"], a) == "a2", "an answer", 30),
                    f"BIRD in blue's namespace learns the way to {address}")
        says.check("Net" in ping(hosts["b1"], address).stdout or "unreach" in ping(hosts["b1"], address).stdout,
                   f"red has no route to {address}")
    up = speaker.sessions()
    flyoverd.kill()
    flyoverd.start()
    says.expect(lambda: wait.until(lambda: whoami(hosts["a1"], "10.55.0.1") == "a2", "an answer", 15), "kill -9 and restart: the route serves again")
    says.check(len(up) == 2 and bird.same_sessions(up, speaker.sessions()), "and blue's BGP sessions were not lost",
               f"{up}, then {speaker.sessions()}")


def shown_alike(says, flyoverd):
    for name in ("main", *SIDES.values()):
        sync = lambda n=name: flyoverd.json(["show", "sync", "--diff", "--vrf", n])
        says.expect(lambda s=sync: wait.until(lambda: s()["differences"] == 0, "no difference", 15),
                    f"show sync --diff --vrf {name}: the kernel and Flyover agree")
    says.equal(sorted(leak["prefix"] for leak in flyoverd.json("show sync --diff --vrf red")["leaks"]),
               ["10.9.0.0/24", "2001:db8:9::/64"], "it lists the leaks, which no kernel holds")
    says.check(any(r["prefix"] == "10.55.0.0/16" and r["protocol"] == "bird" for r in routes(flyoverd, "blue")), "show routes --vrf blue has BIRD's")
    says.check(not any(r["prefix"] == "10.55.0.0/16" for r in routes(flyoverd, "red")), "show routes --vrf red has not")
    looked = flyoverd.json("show lookup 10.77.0.1")["lookups"][0]
    says.equal((looked["leak"], looked["prefix"], looked["nexthops"][0]["port"]), ("red", "10.77.0.0/24", "red2"),
               "show lookup follows the leak")
    says.equal([(v["name"], v["leaks"]) for v in flyoverd.json("show vrfs")["vrfs"]], [("main", 2), ("blue", 0), ("red", 2)], "show vrfs")
    says.show("router", "flyover show vrfs", flyoverd.flyover("show vrfs").stdout)
    says.equal(flyoverd.flyover("show routes --vrf green", check=False).returncode, 1, "a VRF that is not there is an error")


def resident_mb(flyoverd):
    with open(f"/proc/{flyoverd.process.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1000


def many(lab, says):
    """The same ports, once in one VRF and once in 100 with the same addresses everywhere."""
    dataplane, far = Node(lab, "dataplane-100", ipv6=False), Node(lab, "far", ipv6=False)
    Node(lab, "router-100")
    netns.veth(far, "trunk", dataplane, "trunk0")
    value = document.base(lab, "many", router=f"{lab.prefix}router-100")
    value["ports"] = {"trunk": {"device": document.af_packet(0, "trunk0")}}
    for n in range(1, SMALL + 1):
        value["ports"][f"v{n}"] = {"vlan": {"port": "trunk", "id": n}}
    flyoverd = daemon.Flyoverd(dataplane, value, name="flyoverd-100").start()
    alone = resident_mb(flyoverd)
    flyoverd.stop()
    value["vrfs"] = {}
    value["routes"] = []
    for n in range(1, SMALL + 1):
        Node(lab, f"v{n}")
        value["vrfs"][f"vrf{n}"] = {"namespace": f"{lab.prefix}v{n}"}
        value["ports"][f"v{n}"].update(vrf=f"vrf{n}", tap=f"w{n}", addresses=["10.0.0.1/24", "2001:db8::1/64"])
        value["routes"] += [{"to": to, "vrf": f"vrf{n}", "via": via} for to, via in (
            ("0.0.0.0/0", "10.0.0.2"), ("10.128.0.0/9", "10.0.0.3"), ("192.0.2.128/25", "10.0.0.4"), ("::/0", "2001:db8::2"),
            ("2001:db8:9::/48", "2001:db8::3"))]
    flyoverd.document = value
    flyoverd.start()
    wanted = lambda: all(any(r["prefix"] == "2001:db8:9::/48" for r in routes(flyoverd, f"vrf{n}")) for n in (1, SMALL // 2, SMALL))
    says.expect(lambda: wait.until(wanted, "routes", 20), f"{SMALL} VRFs with the same addresses and routes run in one process")
    cost = resident_mb(flyoverd) - alone
    says.show("dataplane", "what they cost", f"{alone:.0f} MB with {SMALL} ports in one VRF, {cost:.0f} MB more with {SMALL} VRFs\n")
    says.check(cost <= BOUND, f"{SMALL} small VRFs cost {cost:.0f} MB, no more than {BOUND}")
    flyoverd.stop()


def body(lab, says):
    flyoverd = two_customers(lab, says)
    many(lab, says)
    return flyoverd


if __name__ == "__main__":
    runner.main("vrfs", body, __doc__)
