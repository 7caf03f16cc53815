#!/usr/bin/python3
"""What a host does on an interface works on a Flyover port: dhclient gets its address, radvd gives others theirs, chrony
tells the time, IPv4 and IPv6."""

from lab import document, runner, topology, wait


def dhcp(net, says):
    """The port `wan` has no IPv4 address in the document; a DHCP server on the wire gives it one."""
    leases = net.lab.state / "dhcp"
    leases.mkdir()
    net.client.background(["dnsmasq", "-k", "-p", "0", "-C", "/dev/null", "-i", "eth0", "--bind-interfaces", "-F",
                           "10.1.0.50,10.1.0.59,255.255.255.0,2m", "-O", "3,10.1.0.2", "-l", leases / "server",
                           "--user=root", "-x", leases / "dnsmasq.pid"], "dnsmasq")
    net.router.background(["dhclient", "-4", "-d", "-v", "-cf", "/dev/null", "-sf", client_script(leases),
                           "-lf", leases / "client", "-pf", leases / "dhclient.pid", "wan"], "dhclient")
    says.expect(lambda: wait.until(lambda: "10.1.0.5" in net.router.ip("-4 -o addr show dev wan").stdout, "a lease", 20),
                "dhclient got an IPv4 address for the port")
    says.run(net.router, "ip -4 -o addr show dev wan")
    address = net.router.ip("-4 -o addr show dev wan").stdout.split()[3].split("/")[0]
    net.client.ip("route replace 10.2.0.0/24 via " + address)
    says.expect(lambda: wait.until(lambda: net.client.run("ping -n -c 1 -W 1 10.2.0.2", check=False).returncode == 0,
                                   "an answer", 10), "and Flyover routes from that subnet to the other port")


def client_script(directory):
    """What dhclient runs: the address alone, not the machine's resolver."""
    path = directory / "client-script"
    path.write_text("#!/bin/sh\n[ -z \"$new_ip_address\" ] || "
                    "ip addr replace \"$new_ip_address/$new_subnet_mask\" dev \"$interface\"\n")
    path.chmod(0o755)
    return path


def radvd(net, says):
    config = net.lab.state / "radvd.conf"
    config.write_text("interface lan { AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; "
                      "prefix 2001:db8:2::/64 { }; };\n")
    net.server.sysctl("net.ipv6.conf.eth0.accept_ra", 2)
    net.server.ip("-6 route del default")
    net.router.background(["radvd", "-n", "-m", "stderr", "-C", config, "-p", net.lab.state / "radvd.pid"], "radvd")
    says.expect(lambda: wait.until(lambda: "dynamic" in net.server.ip("-6 -o addr show dev eth0").stdout and
                                   "proto ra" in net.server.ip("-6 route show default").stdout, "it", 20),
                "radvd on the TAP: a host configures an address and its default route")
    says.run(net.server, "ip -6 route show default")
    says.expect(lambda: wait.until(lambda: net.server.run("ping -6 -n -c 1 -W 1 2001:db8:1::2", check=False).returncode == 0,
                                   "an answer", 10), "and reaches the other port through Flyover by it")


def chrony(net, says):
    directory = net.lab.state / "chrony"
    directory.mkdir()
    config = directory / "chrony.conf"
    config.write_text(f"local stratum 3\nallow all\nbindcmdaddress /\ncmdport 0\npidfile {directory}/server.pid\n")
    net.router.background(["chronyd", "-x", "-d", "-u", "root", "-f", config], "chronyd")
    for address in ("10.2.0.1", "2001:db8:2::1"):
        wait.until(lambda: net.router.run("ss -Huln sport = :123").stdout.strip(), "chronyd listens", 10)
        asked = net.server.run(["chronyd", "-x", "-Q", "-t", "10", "-u", "root", f"server {address} iburst",
                                f"pidfile {directory}/client.pid", "cmdport 0", "bindcmdaddress /"], check=False, timeout=20)
        says.check(asked.returncode == 0 and "System clock wrong by" in asked.stdout + asked.stderr,
                   f"chrony on the TAP tells the time at {address}", asked.stdout + asked.stderr)


def body(lab, says):
    config = document.base(lab)
    config["ports"]["wan"]["addresses"] = ["2001:db8:1::1/64"]
    net = topology.Network(lab)
    net.start(config, taps=("lan",))
    net.reachable("2001:db8:1::1", "2001:db8:2::2")
    for part in (dhcp, radvd, chrony):
        part(net, says)
    return net


if __name__ == "__main__":
    runner.main("host_services", body, __doc__)
