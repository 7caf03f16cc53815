#!/usr/bin/python3
"""Start time: from the start of the process to the first packet that it forwards, with an empty table. Printed beside
the 0.5 s that are wanted of an idle machine; only what is far off fails, as a busy machine takes longer.

Cold: no TAPs, the server's MAC unknown. Warm: the holder kept the TAPs, as after kill -9 or an upgrade. IPv4 and IPv6.
The client knows the router's MAC and sends one datagram a millisecond. Cold IPv6 waits for the kernel besides, which asks
the link whether an address is free before it asks for a neighbour by it (RFC 4862, 5.4).
"""

import statistics
import time

from lab import clients, document, runner, shell, topology, wait

SERVER = {4: "10.2.0.2", 6: "2001:db8:2::2"}
ROUTER = {4: "10.1.0.1", 6: "2001:db8:1::1"}
WANTED = 0.5
BROKEN = 5.0
STARTS = 5


def first_packet(net, family, cold):
    """Seconds of one start."""
    flyoverd = net.flyoverd
    flyoverd.stop()
    if cold:
        shell.run(net.dataplane.argv([flyoverd.bin / "flyoverd", "--teardown", flyoverd.config]), env=flyoverd.env)
    receiver = clients.Program(net.server, "first_datagram", ["receive"])
    receiver.next()
    sender = clients.Program(net.client, "first_datagram", ["send", SERVER[family]])
    sender.next()
    begin = time.monotonic()
    flyoverd.launch()
    took = receiver.next()["at"] - begin
    sender.stop()
    receiver.stop()
    wait.until(lambda: flyoverd.flyover("show version", check=False).returncode == 0, "flyoverd answers", 10)
    return took


def body(lab, says):
    net = topology.standard(lab, serve=False, config=document.base(lab))
    mac = next(p["mac"] for p in net.flyoverd.json("show ports")["ports"] if p["name"] == "wan")
    for address in ROUTER.values():
        net.client.ip(f"neigh replace {address} lladdr {mac} dev eth0 nud permanent")
    for family in (4, 6):
        for cold in (True, False):
            took = [first_packet(net, family, cold) for _ in range(STARTS)]
            kind = "cold" if cold else "warm"
            middle = statistics.median(took)
            says.note(f"IPv{family}, {kind}: " + " ".join(f"{t * 1000:.0f}" for t in took) + " ms")
            says.check(middle <= BROKEN, f"IPv{family}, {kind}: the first packet is forwarded {middle * 1000:.0f} ms after "
                                         f"the start (median of {STARTS}; wanted: {WANTED * 1000:.0f} ms)")
    return net


if __name__ == "__main__":
    runner.main("start_time", body, __doc__)
