"""The config document of the labs, and what `flyover show` says of it."""

# Service -> its VIPs. Two are inside the client's own subnet, so that ARP and ND for them are put to use; the others
# are reached by a route.
VIPS = {
    "dsr4": ["192.0.2.1", "10.1.0.100"],
    "ipip4": ["192.0.2.2"],
    "dsr6": ["2001:db8:100::1", "2001:db8:1::100"],
    "ipip6": ["2001:db8:100::2"],
}
ALL_VIPS = [vip for vips in VIPS.values() for vip in vips]

FALL, INTERVAL, TIMEOUT = 3, 1.0, 1.0
# The promise of the health check: a dead backend is out after this many seconds at most.
DETECTION = FALL * INTERVAL + TIMEOUT


def service(name, forward, family):
    address = "10.2.0.{}" if family == 4 else "2001:db8:2::{}"
    return {
        "vip": VIPS[name],
        "protocol": "tcp",
        "port": 80,
        "forward": forward,
        "backends": {f"web{n}": {"address": address.format(10 + n), "weight": 100} for n in (1, 2, 3)},
        "health": {"http": {"path": "/healthz", "expect": 200}, "interval": f"{INTERVAL * 1000:.0f}ms",
                   "timeout": f"{TIMEOUT * 1000:.0f}ms", "fall": FALL, "rise": 2},
    }


def af_packet(index, interface):
    """A net_af_packet device with room for 16 times as many frames as by default: on two cores, which carry all the
    lab's programs too, the lcore waits its turn, and what overflows this ring nobody counts (DPDK 22.11)."""
    return f"net_af_packet{index},iface={interface},framecnt=8192"


def base(lab, name="lab", router=None):
    """Ports, kernel, control: a router without routes of its own and without services."""
    router = router or lab.prefix + "router"
    return {
        "dataplane": {"name": f"{lab.name}-{name}", "lcores": 1, "idle": "adaptive", "runtime_dir": str(lab.state),
                      "memory": {"hugepages": "auto", "mbufs_per_numa": 16384}},
        "ports": {
            "wan": {"device": af_packet(0, "wan0"), "addresses": ["10.1.0.1/24", "2001:db8:1::1/64"]},
            "lan": {"device": af_packet(1, "lan0"), "addresses": ["10.2.0.1/24", "2001:db8:2::1/64"]},
        },
        "kernel": {"namespace": router},
        "routes": [],
        "health": {"namespace": router},
        "metrics": {"listen": "127.0.0.1:9142", "namespace": router},
        "control": {"socket": str(lab.state / f"{name}.sock")},
    }


def default(lab):
    """Everything that the demo shows."""
    document = base(lab)
    document["routes"] = [
        {"to": "10.9.0.0/16", "via": "10.2.0.2"},
        {"to": "2001:db8:9::/48", "via": "2001:db8:2::2"},
    ]
    document["balancer"] = {"source": {"ipv4": "10.2.0.1", "ipv6": "2001:db8:2::1"}}
    document["services"] = {
        "dsr4": service("dsr4", "l2dsr", 4),
        "ipip4": service("ipip4", "ipip", 4),
        "dsr6": service("dsr6", "l2dsr", 6),
        "ipip6": service("ipip6", "ipip", 6),
    }
    return document


def url(vip, path, port=80):
    host = f"[{vip}]" if ":" in vip else vip
    return f"http://{host}{':' + str(port) if port != 80 else ''}{path}"


def backends(flyoverd, service_name=None):
    """Rows of `flyover show backends`: service, name, state, table_share_percent, ..."""
    rows = flyoverd.json("show backends")["backends"]
    return [r for r in rows if service_name in (None, r["service"])]
