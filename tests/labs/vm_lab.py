#!/usr/bin/python3
"""Real NIC drivers: Debian's kernel in a virtual machine, Flyover inside on a virtio NIC with two queues and an e1000e
NIC, taken from the kernel by `flyover device bind` (vfio-pci behind an emulated IOMMU, then uio_pci_generic) and given
back. Hosts on both sides are namespaces of this machine: real curl, nginx and ping cross it.

      client ----- wan [ virtual machine: flyoverd ] lan ----- server
                   virtio-net-pci                   e1000e
"""

import json
import time

from lab import document, files, paths, runner, vm_flyoverd, vm_image, vm_kernel, vm_machine, wait, web
from lab.node import Node
from steps import vm_offloads

JUMBO = 9000
# The machine's interfaces have ROUTER's addresses while the kernel drives them, and later Flyover's ports.
HOSTS = {4: {"client": "10.1.0.2", "server": "10.2.0.2"}, 6: {"client": "2001:db8:1::2", "server": "2001:db8:2::2"}}
ROUTER = {"wan": {4: "10.1.0.1/24", 6: "2001:db8:1::1/64"}, "lan": {4: "10.2.0.1/24", 6: "2001:db8:2::1/64"}}
NOWHERE = {4: "10.9.0.1", 6: "2001:db8:9::1"}  # behind the server, which swallows it
PROGRAMS = ("flyoverd", "flyover", "flyover-tap-holder")
FLOWS, ROUNDS = 64, 10

# One datagram a flow and round, slowly enough for a machine without KVM. argv: address, flows, rounds.
SENDER = """
import socket, sys, time
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
flows = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(int(sys.argv[2]))]
for _ in range(int(sys.argv[3])):
    for flow in flows:
        flow.sendto(b"x" * 100, (sys.argv[1], 9))
    time.sleep(0.03)
"""


class Lane:
    """The machine and its two neighbours."""

    def __init__(self, lab, says):
        self.lab, self.says = lab, says
        self.client, self.server = Node(lab, "client"), Node(lab, "server")
        # A short receive ring would stand still for good: qemu 7.2 loses the wakeup of a packet that its RSS moved to
        # a queue without room.
        self.wan = vm_machine.Nic(
            "wan", f"virtio-net-pci,mq=on,vectors=6,rss=on,rx_queue_size=1024,iommu_platform=on,disable-legacy=on,"
            f"host_mtu={JUMBO}",
            "02:00:00:00:01:01", 4, self.client, queues=2)
        self.lan = vm_machine.Nic("lan", "e1000e", "02:00:00:00:02:01", 5, self.server)
        self.nics = (self.wan, self.lan)

    def boot(self):
        begin = time.monotonic()
        kernel = vm_kernel.get()
        self.says.note(f"Debian's kernel {kernel.version} is there after {time.monotonic() - begin:.1f} s")
        programs = paths.stage(self.lab.state / "bin", PROGRAMS)
        begin = time.monotonic()
        size = vm_image.build(self.lab.state / "initrd", kernel, [programs / p for p in PROGRAMS])
        self.says.note(f"a file system of {size >> 20} MiB is built in {time.monotonic() - begin:.1f} s")
        machine = Node(self.lab, "machine", ipv6=False)
        self.vm = vm_machine.Machine(machine, kernel, self.lab.state / "initrd", self.nics)
        ports = {nic.name: {"device": nic.address, "mtu": JUMBO, "addresses": list(ROUTER[nic.name].values())}
                 for nic in self.nics}
        routes = [{"to": "10.9.0.0/16", "via": HOSTS[4]["server"]}, {"to": "2001:db8:9::/48", "via": HOSTS[6]["server"]}]
        self.guest = vm_flyoverd.Guest(self.vm, ports, routes)
        begin = time.monotonic()
        uptime = self.vm.start()
        self.says.note(f"boot: {time.monotonic() - begin:.1f} s until it takes commands (its own clock: {uptime:.1f} s)")
        for node, own, port in ((self.client, "client", "wan"), (self.server, "server", "lan")):
            node.ip(f"link set eth0 mtu {JUMBO}")
            for family in (4, 6):
                address, length = ROUTER[port][family].split("/")
                node.address("eth0", f"{HOSTS[family][own]}/{length}")
                node.default_route(address)
        self.server.ip("route add blackhole 10.9.0.0/16")
        self.server.ip("-6 route add blackhole 2001:db8:9::/48")
        self.web = web.Web(self.server)

    def show(self, script, **options):
        result = self.vm.run(script, **options)
        self.says.show("machine", script, result.stdout, lines=14)
        return result

    def interfaces(self):
        """{PCI address: what `flyover device list` says of the device}"""
        return {d["address"]: d for d in json.loads(self.vm.run("flyover --json device list").stdout)["devices"]}

    def reachable(self, address, seconds=20):
        wait.until(lambda: ping(self.client, address), f"client reaches {address}", seconds)


def ping(node, address, *options):
    return node.run(["ping", "-n", "-c", "1", "-W", "1", *options, address], check=False).returncode == 0


def kernel_first(lane):
    """The kernel's drivers have the NICs, with addresses; what `flyover device list` shows is kept to be compared."""
    vm, says = lane.vm, lane.says
    vm.run("modprobe virtio_pci; modprobe virtio_net; modprobe e1000e; modprobe tun")
    for nic in lane.nics:
        name = lane.interfaces()[nic.address]["interfaces"][0]["name"]
        vm.run(f"ip link set {name} name kernel-{nic.name} mtu {JUMBO}; ip link set kernel-{nic.name} up")
        for address in ROUTER[nic.name].values():
            vm.run(f"ip addr add {address} dev kernel-{nic.name}{' nodad' if ':' in address else ''}")
    vm.run(f"ip route add 10.9.0.0/16 via {HOSTS[4]['server']} metric 7")
    before = lane.interfaces()
    lane.show("flyover device list")
    says.equal([before[n.address]["driver"] for n in lane.nics], ["virtio-pci", "e1000e"],
               "the kernel's drivers have both NICs")
    for nic, host in ((lane.wan, lane.client), (lane.lan, lane.server)):
        for family in (4, 6):
            address = ROUTER[nic.name][family].split("/")[0]
            says.expect(lambda h=host, a=address: wait.until(lambda: ping(h, a), "an answer", 10),
                        f"{nic.kind}: the machine's kernel answers on {address}")
    return before


def refusals(lane):
    """What must not be taken by mistake."""
    vm, address = lane.vm, lane.wan.address
    vm.run(f"ip -6 route add default via {HOSTS[6]['client']}")
    result = lane.show(f"flyover device bind {address}", check=False)
    lane.says.check(result.returncode == 1 and "default route goes out by it" in result.stdout,
                    "the NIC of the default route is refused")
    vm.run("ip -6 route del default")
    # 00:1f.2 is the chipset's disk controller.
    for device, words in (("0000:00:1f.2", "no network device"), ("0000:7f:00.0", "no PCI device"),
                          ("kernel-wan", "no PCI address")):
        result = vm.run(f"flyover device bind {device}", check=False)
        lane.says.check(result.returncode == 1 and words in result.stdout, f"{device}: {result.stdout.strip()}")


def bind(lane, driver):
    names = " ".join(nic.address for nic in lane.nics)
    lane.show(f"flyover device bind --driver {driver} {names}", check=False)
    now = lane.interfaces()
    return lane.says.equal([now[n.address]["driver"] for n in lane.nics], [driver] * 2, f"{driver} has both NICs")


def unbind(lane, before):
    names = " ".join(nic.address for nic in lane.nics)
    result = lane.show(f"flyover device unbind {names}", check=False)
    lane.says.check(result.returncode == 0, "unbind says all went well")
    after = lane.interfaces()
    for nic in lane.nics:
        lane.says.equal(after[nic.address], before[nic.address],
                        f"{nic.kind} has its kernel driver, name, MAC, MTU, addresses and routes again")
    lane.says.expect(lambda: lane.reachable(ROUTER["wan"][4].split("/")[0]), "and its kernel answers on it")


def transfer(lane, claim):
    """Real TCP in both families and directions; every byte compared."""
    source = web.content(lane.lab) / "big.bin"
    wanted = web.Web.checksums["big.bin"]
    path = lane.lab.state / "download"
    curl = ["curl", "-sS", "-g", "--max-time", "60", "-w"]
    for family in (4, 6):
        target = document.url(HOSTS[family]["server"], "")
        path.unlink(missing_ok=True)
        result = lane.client.run([*curl, "%{speed_download}", "-o", path, target + "/big.bin"], check=False)
        good = result.returncode == 0 and files.sha256(path) == wanted
        lane.says.check(good, f"{claim}: IPv{family}, 10 MB from server to client, SHA-256 is right, {rate(result)}",
                        result.stderr)
        name = f"{family}-{time.monotonic_ns()}"
        result = lane.client.run([*curl, "%{speed_upload}", "-T", source, f"{target}/upload/{name}"], check=False)
        arrived = lane.web.uploaded(name)
        good = result.returncode == 0 and arrived.exists() and files.sha256(arrived) == wanted
        lane.says.check(good, f"{claim}: IPv{family}, 10 MB from client to server, SHA-256 is right, {rate(result)}",
                        result.stderr)


def rate(result):
    return f"{float(result.stdout or 0) * 8 / 1e6:.0f} Mbit/s"


def judged_ping(lane, size, claim):
    for family in (4, 6):
        ask = ("-M", "do", "-s", str(size - (28 if family == 4 else 48)))
        lane.says.expect(lambda f=family, a=ask: wait.until(lambda: ping(lane.client, HOSTS[f]["server"], *a),
                                                            "an answer", 20),
                         f"{claim}: IPv{family}, {size} bytes without fragments")


def queues(lane):
    """Two queues by RSS on virtio; the e1000e has no RSS that DPDK uses, there lcores share its packets out."""
    says, guest = lane.says, lane.guest
    says.equal([guest.port(n)["rx_queues"] for n in ("wan", "lan")], [2, 1], "virtio has two receive queues, e1000e one")
    for family in (4, 6):
        grown = by_lcore(lane, lane.client, family, FLOWS, ROUNDS)
        # A flow is on either queue with probability 1/2: 4 sigma of 64 flows are 16.
        enough = min(grown) * FLOWS >= sum(grown) * (FLOWS // 2 - 16) and sum(grown) >= FLOWS * ROUNDS // 2
        says.check(enough, f"IPv{family}: RSS gives {grown[0]} and {grown[1]} datagrams of {FLOWS} flows to the two queues")
        grown = by_lcore(lane, lane.client, family, 1, 50)
        says.check(max(grown) >= 45 and min(grown) <= 5,
                   f"IPv{family}: and all of one flow to one ({grown[0]} and {grown[1]})")


def by_lcore(lane, node, family, flows, rounds):
    """How many packets each lcore had of `flows` times `rounds` datagrams from the node."""
    before = settled(lane.guest)
    node.run([paths.PYTHON, "-c", SENDER, NOWHERE[family], str(flows), str(rounds)])
    return [now - old for now, old in zip(settled(lane.guest), before)]


def settled(guest):
    """Packets by lcore once no more come."""
    last = []

    def same():
        last.append(guest.lcore_packets())
        return len(last) > 1 and last[-1] == last[-2]
    wait.until(same, "quiet queues", 20, every=0.3)
    return last[-1]


def links(lane):
    """Down and up by the cable, seen by DPDK and told to the kernel."""
    for nic in lane.nics:
        carrier = f"cat /sys/class/net/{nic.name}/carrier"
        for up in (False, True):
            word = "up" if up else "down"
            lane.vm.set_link(nic, up)
            begin = time.monotonic()
            lane.says.expect(lambda n=nic, u=up: wait.until(lambda: lane.guest.port(n.name)["link_up"] == u, "show ports",
                                                            10, every=0.1), f"{nic.name}: link {word} is seen")
            lane.says.expect(lambda c=carrier, u=up: wait.until(lambda: lane.vm.run(c).stdout.strip() == f"{u:d}",
                                                                "the TAP's carrier", 10, every=0.1),
                             f"{nic.name}: and by the TAP's carrier, after {time.monotonic() - begin:.1f} s")
    judged_ping(lane, 100, "both links are back")


def administration(lane):
    """`ip link set` on the TAPs reaches the NICs."""
    vm, guest, says = lane.vm, lane.guest, lane.says
    for nic in lane.nics:
        vm.run(f"ip link set {nic.name} down")
        says.expect(lambda n=nic: wait.until(lambda: not guest.port(n.name)["admin_up"], "show ports", 10, every=0.1),
                    f"{nic.name}: `ip link set down` is followed")
        says.check(not ping(lane.client, HOSTS[4]["server"]), f"{nic.name}: and nothing passes")
        vm.run(f"ip link set {nic.name} up")
        judged_ping(lane, 100, f"{nic.name}: up again")
    vm.run("ip link set lan mtu 1500")
    says.expect(lambda: wait.until(lambda: guest.port("lan")["mtu"] == 1500, "show ports", 10, every=0.1),
                "lan: `ip link set mtu 1500` is followed")
    says.check(not ping(lane.client, HOSTS[4]["server"], "-M", "do", "-s", str(JUMBO - 28)), "lan: 9000 bytes do not pass")
    lane.client.ip("route flush cache")
    vm.run(f"ip link set lan mtu {JUMBO}")
    judged_ping(lane, JUMBO, "lan: and back")


def killed(lane, driver):
    """The end that leaves a NIC running; the kernel's side of the driver must stop it."""
    lane.guest.kill()
    lane.guest.start()
    judged_ping(lane, JUMBO, f"{driver}: after kill -9 and a start")


def forwards(lane, driver):
    """flyoverd from PCI addresses; what every driver must do."""
    says, guest = lane.says, lane.guest
    guest.write()
    checked = lane.show("flyover check /run/flyover.yaml", check=False)
    says.check(checked.returncode == 0 and checked.stdout.count("ready for DPDK") == 2, "flyover check: both NICs are ready")
    begin = time.monotonic()
    guest.start()
    lane.show("flyover --socket /run/control.sock show ports")
    says.equal([guest.port(n)["driver"] for n in ("wan", "lan")], ["net_virtio", "net_e1000_em"],
               f"flyoverd runs on both after {time.monotonic() - begin:.1f} s")
    judged_ping(lane, 100, driver)
    judged_ping(lane, JUMBO, driver)
    transfer(lane, driver)


def idle(lane, most):
    """Lcores sleep; `most` wakeups a second where the NICs' interrupts can end the sleep."""
    wait.until(lane.guest.asleep, "all lcores asleep", 20, every=0.3)
    wakeups = lane.guest.wakeups()
    text = "idle lcores wake " + " and ".join(f"{w:.0f}" for w in wakeups) + " times a second"
    if most is None:
        lane.says.note(text)
    else:
        lane.says.check(len(wakeups) == 2 and max(wakeups) <= most, text + ": the NICs' interrupts wake them", f"at most {most}")
    judged_ping(lane, 100, "and a packet wakes them")


def finish(lane, before):
    """The ledger, the end, and the NICs are the kernel's again."""
    runner.balance(lane.says, lane.guest)
    refused = lane.vm.run(f"flyover device unbind {lane.wan.address}", check=False)
    lane.says.check(refused.returncode == 1 and "in use by flyoverd" in refused.stdout,
                    "a NIC in use is not taken from flyoverd", refused.stdout)
    lane.guest.stop()
    unbind(lane, before)


def body(lab, says):
    if not vm_machine.runs_here():
        raise runner.Skip("qemu-system-x86_64 does not run here")
    lane = Lane(lab, says)
    try:
        lane.boot()
    except vm_kernel.NoKernel as why:
        says.note(str(why))
        raise runner.Skip("no Debian kernel package for the virtual machine") from None
    before = kernel_first(lane)
    refusals(lane)
    says.progress("vfio-pci, behind the IOMMU")
    if bind(lane, "vfio-pci"):
        forwards(lane, "vfio-pci")
        idle(lane, 150)
        says.progress("receive queues")
        queues(lane)
        says.progress("links")
        links(lane)
        says.progress("administration")
        administration(lane)
        says.progress("offloads")
        vm_offloads.run(lane)
        killed(lane, "vfio-pci")
        finish(lane, before)
    says.progress("uio_pci_generic, past the IOMMU")
    if bind(lane, "uio_pci_generic"):
        forwards(lane, "uio_pci_generic")
        idle(lane, None)
        killed(lane, "uio_pci_generic")
        finish(lane, before)


if __name__ == "__main__":
    runner.main("vm", body, __doc__)
