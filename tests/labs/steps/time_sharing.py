"""Step 4, time sharing: the box is still a Linux box. ssh, tcpdump, ip route, ss and ip neigh on the TAPs."""

import time

from lab import clients, context, ssh, wait

LATE = 0.1  # seconds: a route of the kernel is followed within this time
NEW = "10.8.0.0/16"
NEW_TARGET = "10.8.0.1"  # on the server's lo; no route leads there at first


def time_sharing(net, says):
    _ssh(net, says)
    _route(net, says)
    _tools(net, says)


def _ssh(net, says):
    server = ssh.Sshd(net.router)
    sniffer, path = net.router.capture("wan", "tap-ssh", "tcp port 22")
    log = net.lab.log("router-tcpdump-tap-ssh.log")
    wait.until(lambda: "listening on" in log.read_text(), "tcpdump listens on the TAP")
    says.show("router", f"tcpdump -i wan -w {path.name} tcp port 22")
    result = net.client.run(server.client("10.1.0.1", "hostname; ip -br addr show dev wan"), check=False)
    says.show("client", "ssh root@10.1.0.1 'hostname; ip -br addr show dev wan'", result.stdout + result.stderr)
    says.check(result.returncode == 0 and "10.1.0.1/24" in result.stdout,
               "ssh through wire, data plane and TAP, host key checked", result.stderr.strip())
    result = net.client.run(server.client("2001:db8:1::1", "head -c 3000000 /dev/zero | cksum"), check=False)
    says.check(result.returncode == 0 and " 3000000" in result.stdout, "and over IPv6", result.stderr.strip())

    def seen():
        text = net.router.run(["tcpdump", "-nr", path], check=False).stdout
        return text if "10.1.0.2" in text and text.count("\n") > 10 else None

    text = says.expect(lambda: wait.until(seen, "packets of the session in the capture"), "tcpdump on the TAP saw it")
    context.stop(sniffer)
    if text:
        says.show("router", f"tcpdump -nr {path.name}", text, lines=4)


def _route(net, says):
    before = net.client.run(f"ping -n -c 2 -i 0.05 -W 1 {NEW_TARGET}", check=False)
    says.check(before.returncode != 0, f"{NEW_TARGET} cannot be reached at first", before.stdout)
    took = route_appears(net, says, f"ip route add {NEW} via 10.2.0.2")
    says.check(took is not None and took <= LATE, "`ip route add` changed forwarding within 100 ms",
               f"{took * 1000:.1f} ms" if took is not None else "no answer")
    net.router.run(f"ip route del {NEW}")


def route_appears(net, says, command):
    """Seconds from the command's return to the first answer that came of a later request; None: never."""
    probe = clients.Probe(net.client, NEW_TARGET, every_ms=1, seconds=2)
    says.show("client", f"ping {NEW_TARGET}, once a millisecond")
    result = says.run(net.router, command)
    done = time.monotonic()
    if result.returncode != 0:
        return None
    line = probe.first_answer(5)
    probe.stop()
    if line is None:
        return None
    took = max(0.0, line["received"] - done)
    says.note(f"first answer {took * 1000:.1f} ms after the command returned")
    return took


def _tools(net, says):
    net.router.run("ping -n -c 1 -W 2 10.2.0.11", check=False)
    out = says.run(net.router, "ss -Hltn sport = :22").stdout
    says.check(":22" in out, "ss shows sshd")
    out = says.run(net.router, "ip neigh show dev wan").stdout
    says.check("10.1.0.2 lladdr" in out, "ip neigh shows the client")
    out = says.run(net.router, "ip -br link show").stdout
    says.check("wan" in out and "lan" in out, "ip link shows the TAPs")
    out = says.run(net.router, "ping -n -c 3 -i 0.05 10.2.0.11", lines=3).stdout
    says.check(" 0% packet loss" in out and "duplicates" not in out, "the box itself pings through the data plane")
