"""BIRD in a node, with its own socket and files."""

from . import wait


class Bird:
    """`protocols` is the text of a configuration without router id, device and kernel protocols. With kernel=False no
    route gets into the node's kernel."""

    def __init__(self, node, router_id, protocols, kernel=True):
        self.node = node
        self.dir = node.lab.state / f"bird-{node.short}"
        self.dir.mkdir()
        config = self.dir / "bird.conf"
        export = "all" if kernel else "none"
        config.write_text(f"""
router id {router_id};
protocol device {{ scan time 1; }}
protocol kernel kernel4 {{ ipv4 {{ export {export}; }}; }}
protocol kernel kernel6 {{ ipv6 {{ export {export}; }}; }}
{protocols}
""")
        self.socket = self.dir / "bird.ctl"
        node.background(["bird", "-f", "-c", config, "-s", self.socket, "-P", self.dir / "bird.pid"], "bird")
        wait.until(self.socket.exists, "BIRD's socket", 10)

    def show(self, command):
        return self.node.run(["birdc", "-s", self.socket, *command.split()], check=False).stdout


    def sessions(self):
        """{name: seconds of the day since when} of the BGP sessions that are up."""
        rows = [line.split() for line in self.show("show protocols").splitlines() if " BGP " in line]
        return {r[0]: _seconds(r[4]) for r in rows if r[-1] == "Established"}


def same_sessions(before, after):
    """BIRD's times of one moment differ by a millisecond now and then."""
    return before.keys() == after.keys() and all(abs(before[n] - after[n]) < 0.5 for n in before)


def _seconds(clock):
    hours, minutes, seconds = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def bgp(name, asn, peer, peer_asn, networks=()):
    """One session; its family's routes only. `networks` are announced as they are."""
    family = 6 if ":" in peer else 4
    routes = "\n".join(f"  route {n} unreachable;" for n in networks)
    return f"""
protocol static announce_{name} {{ ipv{family} {{ export none; }};
{routes}
}}
protocol bgp {name} {{
  local as {asn}; neighbor {peer} as {peer_asn};
  hold time 9; connect retry time 1; connect delay time 1;
  ipv{family} {{ import all; export where proto = "announce_{name}"; }};
}}
"""


def ospf(interface, ipv4_stub=None, ipv6_stub=None):
    """OSPFv2 and OSPFv3, area 0; announces the stub networks given."""
    def area(stub):
        stubnet = f"stubnet {stub};" if stub else ""
        return f'area 0 {{ interface "{interface}" {{ hello 1; dead 4; }}; {stubnet} }};'
    return f"""
protocol ospf v2 ospf4 {{ ipv4 {{ import all; export none; }}; {area(ipv4_stub)} }}
protocol ospf v3 ospf6 {{ ipv6 {{ import all; export none; }}; {area(ipv6_stub)} }}
"""
