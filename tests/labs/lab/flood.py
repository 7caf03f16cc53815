"""Floods of forged packets, as fast as one core sends them: trafgen in a node, until it is stopped."""

from . import context

# Sources are random (198.18.0.0/15 and 2001:db8:f::/64), ports and identifications too.
_IPV4 = """{{
  eth(da={mac}, sa=02:00:00:00:00:0c)
  ipv4(sa=dinc(198.18.0.1, 198.19.255.254), da={vip}, id=drnd(), ttl=64{more})
  {l4}
  fill(0x78, {payload})
}}
"""
_IPV6 = """{{
  eth(da={mac}, sa=02:00:00:00:00:0c, type=0x86dd)
  ipv6(sa=dinc(2001:db8:f::1, 2001:db8:f::ffff:ffff), da={vip}, hl=64)
  {l4}
  fill(0x78, {payload})
}}
"""
_L4 = {"syn": "tcp(sp=drnd(1024, 65535), dp=80, seq=drnd(), syn)", "udp": "udp(sp=drnd(1024, 65535), dp=53)"}


class Flood:
    """`kind`: syn, udp, or fragments (later ones, that no first one belongs to; IPv4 only)."""

    def __init__(self, node, interface, mac, vip, kind):
        if kind == "fragments":
            text = _IPV4.format(mac=mac, vip=vip, more=", proto=17, frag=185", l4="", payload=40)
        else:
            text = (_IPV6 if ":" in vip else _IPV4).format(mac=mac, vip=vip, more="", l4=_L4[kind], payload=6)
        path = node.lab.state / f"flood-{kind}-{6 if ':' in vip else 4}.cfg"
        path.write_text(text)
        # -q: the queueing discipline is passed by; one process, on whatever core is free.
        self.process = node.background(["trafgen", "--dev", interface, "--conf", path, "--cpus", "1", "--qdisc-path",
                                        "--no-sock-mem"], f"flood-{kind}")

    def stop(self):
        context.stop(self.process)
