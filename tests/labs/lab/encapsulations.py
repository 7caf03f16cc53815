"""Every way to a backend: L2-DSR, L3DSR, IPIP, GRE and GUE of both variants, in every pair of families, as services of
one document, and the servers made ready for them."""

import copy

from . import document, paths

MODES = {
    "ipip": ({"forward": "ipip"}, 0),
    "gre": ({"forward": "gre"}, 4),
    "gue0": ({"forward": "gue", "gue": {"variant": 0}}, 12),
    "gue1": ({"forward": "gue", "gue": {"variant": 1}}, 8),
}


def ways():
    """Name -> (settings of the service, family of the VIP, family of the backends, bytes put in front)."""
    found = {}
    for family in (4, 6):
        found[f"l2dsr{family}"] = ({"forward": "l2dsr"}, family, family, 0)
        found[f"l3dsr{family}"] = ({"forward": "l3dsr", "dscp": 7 if family == 4 else 8}, family, family, 0)
    for mode, (settings, shim) in MODES.items():
        for vip in (4, 6):
            for backend in (4, 6):
                found[f"{mode}-{vip}in{backend}"] = (settings, vip, backend, shim + (20 if backend == 4 else 40))
    return found


def vip_of(index, family):
    return f"192.0.2.{100 + index}" if family == 4 else f"2001:db8:100::{100 + index:x}"


def config(lab):
    config = document.base(lab)
    config["balancer"] = {"source": {"ipv4": "10.2.0.1", "ipv6": "2001:db8:2::1"}}
    config["services"] = {}
    vips = {}
    for index, (name, (settings, family, backends, _)) in enumerate(ways().items()):
        vips[name] = vip_of(index, family)
        address = "10.2.0.{}" if backends == 4 else "2001:db8:2::{}"
        config["services"][name] = {
            "vip": vips[name], "port": 80, **copy.deepcopy(settings), "table_size": 251,
            "backends": {f"web{n}": {"address": address.format(10 + n)} for n in (1, 2, 3)},
        }
    return config, vips


def prepare(net, vips):
    """VIPs on lo, the program that opens, and the DSCPs; returns the program."""
    program = paths.stage(net.lab.state / "bin", ["flyover-decap"]) / "flyover-decap"
    for node in net.webs.values():
        node.vips(*vips.values())
        for scope in ("all", "eth0"):
            node.sysctl(f"net.ipv4.conf.{scope}.rp_filter", 0)
        attach(node, program, vips)
    return program


def attach(node, program, vips):
    """The program opens tunnels on the node from now on."""
    dscps = [f"{settings['dscp']}={vips[name]}" for name, (settings, *_) in ways().items() if "dscp" in settings]
    node.run([program, "attach", "eth0", *(word for dscp in dscps for word in ("--dscp", dscp))])
