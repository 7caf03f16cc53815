#!/usr/bin/python3
"""A big routing table in the kernel and in Flyover: cold start, how far behind while it is filled, both sides compared
route by route and address by address, and a flap of many routes under traffic.

With --full 1,000,000 IPv4 and 230,000 IPv6 routes, which then come by BGP once more; otherwise 200,000 and 50,000.
The prefixes are synthetic, unless --prefixes names a folder that tests/labs/fetch_prefixes has filled."""

import json
import os
import time

from lab import bird, clients, document, ledger, paths, prefixes, runner, shell, topology, wait

SEED = 20260101
GATEWAYS = 64
STREAM_RATE = 5000


class Table:
    """The routes, as lines for `ip -batch` and as what is compared."""

    def __init__(self, options):
        sizes = {4: 1_000_000, 6: 230_000} if options.full else {4: 200_000, 6: 50_000}
        self.flap = 100_000 if options.full else 20_000
        self.asked = 100_000 if options.full else 20_000
        self.source = f"derived from {options.prefixes}" if options.prefixes else f"synthetic, seed {SEED}"
        make = (lambda f, n: prefixes.derived(f, n, SEED, options.prefixes)) if options.prefixes else (
            lambda f, n: prefixes.synthetic(f, n, SEED))
        self.prefixes = {family: make(family, count) for family, count in sizes.items()}
        self.routes = [(family, p) for family in (4, 6) for p in self.prefixes[family]]

    def line(self, verb, number):
        family, prefix = self.routes[number]
        return f"route {verb} {way(family, number)[0]}{prefixes.text(family, prefix)} {way(family, number)[1]}"

    def batch(self, verb, numbers=None):
        return "\n".join(self.line(verb, n) for n in (range(len(self.routes)) if numbers is None else numbers)) + "\n"

    def flapping(self):
        """Numbers of routes all over the table."""
        return range(0, len(self.routes), max(1, len(self.routes) // self.flap))

    def destinations(self):
        return [d for f in (4, 6) for d in prefixes.destinations(f, self.prefixes[f], self.asked // 2, SEED)]


def way(family, number):
    """(type, rest) of a route's line: one gateway, now and then two, or none."""
    gateway = [(f"10.2.0.{100 + n % GATEWAYS}" if family == 4 else f"2001:db8:2::{100 + n % GATEWAYS}")
               for n in (number, number + 7)]
    if number % 200 == 0:
        return ("blackhole ", "unreachable ", "prohibit ")[number // 200 % 3], ""
    if number % 50 == 1:
        return "", "nexthop " + " nexthop ".join(f"via {g} dev lan weight {w + 1}" for w, g in enumerate(gateway))
    return "", f"via {gateway[0]} dev lan"


def sync(net, more=""):
    return net.flyoverd.json(f"show sync {more}")


def settled(net, count, seconds):
    """Waits until Flyover has `count` routes and nothing is left to read."""
    def there():
        state = sync(net)
        return state if state["kernel_routes"] >= count and state["queue_bytes"] == 0 else None
    return wait.until(there, f"{count} routes in the FIB", seconds, every=0.05)


def run_batch(net, text, lab, name):
    """`ip -batch`; while it runs, how far behind Flyover is: the longest lag that `show sync` tells."""
    path = lab.state / name
    path.write_text(text)
    log = lab.log(f"{name}.log")
    begun, lags, losses = time.monotonic(), [0.0], 0
    process = shell.start(["ip", "-n", net.router.name, "-batch", path], log)
    while process.poll() is None:
        state = sync(net)
        lags.append(state["lag_seconds"])
        losses = state["losses"]
        time.sleep(0.05)
    if process.returncode != 0:
        raise AssertionError(f"ip -batch: {log.read_text()[-300:]}")
    return time.monotonic() - begun, max(lags), losses


def filling(net, table, lab, says, base):
    took, lag, losses = run_batch(net, table.batch("add"), lab, "fill.batch")
    ended = time.monotonic()
    settled(net, base + len(table.routes), 60)
    behind = time.monotonic() - ended
    says.note(f"{len(table.routes):,} routes ({table.source}) in {took:.1f} s by `ip -batch`; largest lag {lag:.3f} s, "
              f"the last route {behind:.3f} s after the batch; {losses} times messages were lost")
    says.check(max(lag, behind) <= 1.0, "Flyover is at most 1 s behind while the kernel is being filled",
               f"lag {lag:.3f} s, end {behind:.3f} s")


def no_difference(net, says, what):
    begun = time.monotonic()
    state = sync(net, "--diff")
    says.check(state["compared"] and state["differences"] == 0 and state["routes_waiting"] == 0,
               f"`flyover show sync --diff` finds no difference among {state['kernel_routes']:,} routes {what}",
               json.dumps(state)[:600])
    says.note(f"compared in {time.monotonic() - begun:.2f} s")


def memory(net):
    """(resident, of the tables and records as `flyover check` promises them), bytes."""
    with open(f"/proc/{net.flyoverd.process.pid}/status", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file)
    promised = json.loads(shell.run([net.flyoverd.bin / "flyover", "check", "--json", net.flyoverd.config],
                                    env=net.flyoverd.env).stdout)["memory"]
    return int(fields["VmRSS"].split()[0]) << 10, promised


def cold_start(net, table, says, base):
    resident, promised = memory(net)
    net.flyoverd.stop()
    begun = time.monotonic()
    net.flyoverd.start()
    state = settled(net, base + len(table.routes), 60)
    took, work = time.monotonic() - begun, net.flyoverd.cpu_seconds()
    after, _ = memory(net)
    says.note(f"dump, RIB and FIB {state['resync_seconds']:.2f} s; from the start of the process {took:.2f} s, in which it "
              f"had a core for {work:.2f} s")
    says.note(f"resident {after >> 20} MiB (before the restart {resident >> 20} MiB); check promises at most "
              f"{promised['ipv4_table_mib']} + {promised['ipv6_table_mib']} MiB of tables, "
              f"{promised['route_records_mib']} MiB of records")
    says.check(state["resync_seconds"] <= 3.0, "the cold dump takes at most 3 s", f"{state['resync_seconds']:.2f} s")
    return after


def kernel_answers(net, addresses):
    script = paths.LABS / "lab" / "route_get.py"
    out = net.router.run([paths.PYTHON, script], stdin="\n".join(addresses), timeout=120).stdout
    return json.loads(out)


def flyover_answers(net, addresses):
    command = net.flyoverd.argv("--json show lookup")
    out = shell.run(command, env=net.flyoverd.env, stdin="\n".join(addresses), timeout=120).stdout
    answers = []
    for lookup in json.loads(out)["lookups"]:
        action = {"connected": "forward", "host_unreachable": "forward"}.get(lookup["action"], lookup["action"])
        hops = [["" if h["gateway"] == lookup["address"] else h["gateway"], h["port"]] for h in lookup["nexthops"]]
        answers.append([lookup["address"], action, lookup["prefix"], sorted(hops)])
    return answers


def same(kernel, flyover):
    """The kernel's answers to what is not forwarded come without a prefix (IPv4)."""
    if kernel[1] != flyover[1]:
        return False
    return kernel[1] != "forward" and not kernel[2] or kernel[2:] == flyover[2:] or (
        kernel[1] != "forward" and kernel[2] == flyover[2])


def compared(net, table, says, what):
    addresses = table.destinations()
    begun = time.monotonic()
    ours = flyover_answers(net, addresses)
    middle = time.monotonic()
    kernels = kernel_answers(net, addresses)
    wrong = [(k, o) for k, o in zip(kernels, ours) if not same(k, o)]
    says.note(f"{len(addresses):,} addresses: `flyover show lookup` {middle - begun:.1f} s, the kernel "
              f"{time.monotonic() - middle:.1f} s")
    says.check(not wrong and len(ours) == len(addresses) == len(kernels),
               f"{len(addresses):,} destinations {what} go where `ip route get fibmatch` says: prefix, action and all next "
               "hops", f"{len(wrong)} differ, the first: {wrong[:3]}")


def flap(net, table, lab, says, base):
    """Routes go and come while datagrams flow over others."""
    receiver = clients.Program(net.server, "stream", ["receive", "34000"])
    says.check(receiver.next(10), "the receiver listens")
    senders = [clients.Program(net.client, "stream", ["send", a, "34000", str(STREAM_RATE // 2)])
               for a in ("10.9.0.1", "2001:db8:9::1")]
    says.check(all(sender.next(10) for sender in senders), "the senders send")
    drops = dropped(net)
    numbers = table.flapping()
    down, lag_down, _ = run_batch(net, table.batch("del", numbers), lab, "down.batch")
    settled(net, base + len(table.routes) - len(numbers), 30)
    up, lag_up, _ = run_batch(net, table.batch("add", numbers), lab, "up.batch")
    settled(net, base + len(table.routes), 30)
    for sender in senders:
        sender.stop()
    sent = sum(line["sent"] for sender in senders for line in sender.rest() if "sent" in line)
    got = receiver.rest()[-1]
    says.note(f"{len(numbers):,} routes withdrawn in {down:.1f} s and announced in {up:.1f} s; largest lag "
              f"{max(lag_down, lag_up):.3f} s; the slowest of {sent:,} datagrams took {got['slowest_ms']} ms")
    says.equal(got["received"], sent, "no datagram over an unchanged route is lost or doubled")
    says.equal(dropped(net) - drops, 0, "and nothing was dropped")


def dropped(net):
    return ledger.read(net.flyoverd)["total"]["dropped"]


def by_bgp(net, table, says, base):
    """The same prefixes from a BIRD at the client to one on the router, which puts them into its kernel."""
    def static(family):
        lines = "\n".join(f"  route {prefixes.text(family, p)} unreachable;" for p in table.prefixes[family])
        return f"protocol static table{family} {{ ipv{family} {{ export none; }};\n{lines}\n}}\n"

    def session(name, asn, peer, peer_asn, family, filters):
        return (f"protocol bgp {name}{family} {{ local as {asn}; neighbor {peer} as {peer_asn}; hold time 240;\n"
                f"  connect retry time 1; connect delay time 1; ipv{family} {{ {filters} }}; }}\n")
    peers = {4: ("10.1.0.2", "10.1.0.1"), 6: ("2001:db8:1::2", "2001:db8:1::1")}
    bird.Bird(net.router, "10.2.0.1", "".join(
        session("feed", 65001, peers[f][0], 65002, f, "import all; export none;") for f in (4, 6)))
    begun = time.monotonic()
    bird.Bird(net.client, "10.1.0.2", "".join(
        static(f) + session("router", 65002, peers[f][1], 65001, f, f'import none; export where proto = "table{f}";')
        for f in (4, 6)), kernel=False)
    settled(net, base + len(table.routes), 300)
    says.note(f"{len(table.routes):,} routes from BIRD to BIRD by BGP, into the kernel and into the FIB: "
              f"{time.monotonic() - begun:.1f} s from the start of the first")


def body(lab, says):
    table = Table(lab.options)
    says.note(f"prefixes: {table.source}")
    config = document.base(lab)
    config["routes"] = [{"to": "10.9.0.0/16", "via": "10.2.0.2"}, {"to": "2001:db8:9::/48", "via": "2001:db8:2::2"}]
    net = topology.standard(lab, serve=False, config=config)
    net.reachable("10.9.0.1", "2001:db8:9::1")
    base = sync(net)["kernel_routes"]
    says.progress("the kernel is filled")
    filling(net, table, lab, says, base)
    no_difference(net, says, "after filling")
    says.progress("cold start")
    cold_start(net, table, says, base)
    no_difference(net, says, "after a cold start")
    compared(net, table, says, "after a cold start")
    net.reachable("10.9.0.1", "2001:db8:9::1")
    says.progress("flap")
    flap(net, table, lab, says, base)
    no_difference(net, says, "after the flap")
    compared(net, table, says, "after the flap")
    if lab.options.full:
        says.progress("by BGP")
        run_batch(net, table.batch("del"), lab, "empty.batch")
        wait.until(lambda: sync(net)["kernel_routes"] <= base, "an empty table", 60)
        by_bgp(net, table, says, base)
        no_difference(net, says, "that came by BGP")
        compared(net, table, says, "that came by BGP")
    return net


def arguments(parser):
    parser.add_argument("--full", action="store_true", help="1,000,000 + 230,000 routes, and BGP")
    parser.add_argument("--prefixes", metavar="FOLDER", default=os.environ.get("FLYOVER_PREFIXES"),
                        help="where asn-ipv4.csv and asn-ipv6.csv are (default: FLYOVER_PREFIXES; none: synthetic ones)")


if __name__ == "__main__":
    runner.main("table", body, __doc__, arguments)
