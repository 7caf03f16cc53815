#!/usr/bin/python3
"""Negative control: with the veth peers' offloads left on, TCP fails while ping works.

A veth with transmit checksum offload hands over TCP segments whose checksum nobody has computed; the data plane
forwards the bytes as they are, and the receiver's kernel drops them. That is why every lab turns tx, tso and gso off,
and why a ping proves little.
"""

from lab import document, files, kernel, runner, topology
from lab.web import Web

ON = ("tx", "on", "tso", "on", "gso", "on")


def download(net):
    path = net.lab.state / "download"
    path.unlink(missing_ok=True)
    result = net.client.run(["curl", "-sS", "--max-time", "4", "-o", path, "http://10.2.0.2/big.bin"], check=False)
    return result.returncode == 0 and files.sha256(path) == Web.checksums["big.bin"]


def body(lab, says):
    net = topology.standard(lab, config=document.base(lab))
    says.check(download(net), "offloads off: 10 MB over TCP")

    for node in (net.client, net.server):
        node.offloads("eth0", *ON)
    errors = kernel.snmp(net.server, "Tcp", "InCsumErrors")
    ping = says.run(net.client, "ping -n -c 5 -i 0.05 10.2.0.2", lines=3)
    says.check(" 0% packet loss" in ping.stdout, "offloads on: ping works all the same")
    says.check(not download(net), "offloads on: TCP fails")
    says.check(kernel.snmp(net.server, "Tcp", "InCsumErrors") > errors, "because of checksums, says the server's kernel")

    for node in (net.client, net.server):
        node.offloads("eth0")
    says.check(download(net), "offloads off again: TCP works again")
    return net


if __name__ == "__main__":
    runner.main("negative_offloads", body, __doc__)
