#!/usr/bin/python3
"""Bad input: faulty documents, a missing device, an occupied socket, a second daemon of the same name, no huge pages,
broken control clients, nonsense on the command line. Each is refused with a clear error; the running daemon and its
traffic notice nothing."""

import copy
import itertools
import os
import pathlib
import socket
import subprocess
import time

import yaml

from lab import clients, daemon, document, netns, paths, runner, shell, topology, wait

MOST_KIB = 400 * 1024  # memory that judging a document may take
MOST_SECONDS = 10.0


def judged(command, env):
    """(exit code, stderr, peak memory in KiB, seconds) of a program that must end by itself."""
    begin = time.monotonic()
    process = subprocess.Popen(shell.split(command), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env)
    text = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, text, usage.ru_maxrss, time.monotonic() - begin


def documents(good):
    """Name -> bytes, or chunks of them: a child's peak memory begins with that of this process."""
    text = yaml.safe_dump(good, sort_keys=False).encode()
    bomb = b"a0: &a0 [x]\n" + b"".join(
        b"a%d: &a%d [%s]\n" % (i, i, b",".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 12))
    return {
        "empty": b"",
        "only a comment": b"# nothing\n",
        "100 MB": itertools.chain([text, b"#"], itertools.repeat(b"x" * 100_000, 1000)),
        "100 MB of keys": (b"".join(b"key%d: 1\n" % (i + j) for j in range(1000)) for i in range(0, 7_000_000, 1000)),
        "alias bomb": bomb,
        "deep nesting": b"a: " + b"[" * 100_000,
        "NUL bytes": text.replace(b"ports", b"po\0ts"),
        "only NUL bytes": b"\0" * 4096,
        "not UTF-8": b"dataplane: {name: \"\xff\xfe\xfa\"}\n",
        "no YAML": b"dataplane: [1, 2\nports: }\n",
        "two documents": text + b"---\n" + text,
        "a list": b"- 1\n- 2\n",
        "an ELF file": open("/bin/true", "rb").read(),
        "misspelled key": text.replace(b"ports:", b"prots:", 1),
        "wrong type": text.replace(b"lcores: 1", b"lcores: [one]", 1),
    }


def bad_documents(net, says):
    flyoverd = net.flyoverd
    before = flyoverd.json("show version")["pid"], flyoverd.json("show config")
    path = net.lab.state / "bad.yaml"
    other = copy.deepcopy(flyoverd.document)
    other["dataplane"]["name"] = "never-runs"
    other["control"]["socket"] = str(net.lab.state / "never.sock")
    for name, data in documents(other).items():
        with open(path, "wb") as file:
            file.writelines([data] if isinstance(data, bytes) else data)
        for command in ([flyoverd.bin / "flyoverd", "--check", path], [flyoverd.bin / "flyoverd", "--config", path]):
            code, text, memory, seconds = judged(net.dataplane.argv(command), flyoverd.env)
            says.check(code == 1 and text.strip() and memory <= MOST_KIB and seconds <= MOST_SECONDS,
                       f"document `{name}`, flyoverd {command[1]}: {first_line(text)}",
                       f"exit code {code}, {memory // 1024} MiB, {seconds:.1f} s, says {text[-300:]!r}")
        result = flyoverd.flyover(["reload", path], check=False)
        says.check(result.returncode == 1 and (result.stderr + result.stdout).strip(),
                   f"document `{name}`, reload is refused", f"{result.returncode} {result.stderr[-300:]}")
    path.unlink()
    says.equal(flyoverd.flyover(["reload", path], check=False).returncode, 1, "reload of a file that is not there")
    says.equal((flyoverd.json("show version")["pid"], flyoverd.json("show config")), before,
               "the running daemon has the document it had")


def first_line(text):
    return (text.strip().splitlines() or ["(nothing)"])[0][:110]


def starts(net, says):
    """Documents that are right, on a machine that is not."""
    lab = net.lab
    elsewhere = netns.Namespace(lab.prefix + "elsewhere", ipv6=False)
    other = topology.Node(lab, "other", ipv6=False)
    topology.Node(lab, "other-router")

    def refused(name, change, *words, prefix=()):
        value = copy.deepcopy(net.flyoverd.document)
        value["dataplane"]["name"] = f"{lab.name}-other"
        value["control"]["socket"] = str(lab.state / "other.sock")
        value["kernel"]["namespace"] = value["health"]["namespace"] = lab.prefix + "other-router"
        value["metrics"] = {"listen": "off"}
        value["ports"] = {"p": {"device": "net_null5,no-rx=1"}}
        change(value)
        path = lab.state / "other.yaml"
        path.write_text(yaml.safe_dump(value, sort_keys=False))
        command = other.argv([*prefix, net.flyoverd.bin / "flyoverd", "--config", path])
        code, text, _, seconds = judged(["timeout", "20", *map(str, command)], net.flyoverd.env)
        says.check(code == 1 and all(w in text for w in words), f"{name}: {first_line(text)}",
                   f"exit code {code} after {seconds:.1f} s, wanted {words} in {text[-400:]!r}")

    refused("a device that is not there", lambda v: v["ports"]["p"].update(device="net_af_packet7,iface=nosuch0"),
            "other.yaml:", "nosuch0")
    refused("a PCI device that is not there", lambda v: v["ports"]["p"].update(device="0000:7f:1f.7"), "0000:7f:1f.7")
    busy = kernel_pci_device()
    if busy is not None:  # a machine without PCI has none to refuse
        name, driver = busy
        refused(f"a PCI device that {driver} has", lambda v: v["ports"]["p"].update(device=name), "other.yaml:", name,
                driver, "flyover device bind")
        says.equal(kernel_pci_device(), busy, f"{driver} still has it")
    refused("a namespace that is not there", lambda v: v["kernel"].update(namespace="fly-nowhere"), "fly-nowhere")
    busy = socket.socket(socket.AF_UNIX)
    busy.bind(str(lab.state / "other.sock"))
    busy.listen()
    refused("a control socket in use", lambda v: None, "other.sock")
    busy.close()
    os.unlink(lab.state / "other.sock")
    refused("a second daemon of the same name",
            lambda v: v["dataplane"].update(name=net.flyoverd.document["dataplane"]["name"]),
            net.flyoverd.document["dataplane"]["name"])
    refused("huge pages required, none to be had",
            lambda v: v["dataplane"]["memory"].update(hugepages="required", mbufs_per_numa=1_000_000), "hugepages",
            prefix=("sh", "-c", 'mount -o remount,ro,bind /sys && exec "$@"', "sh"))
    netns.delete(elsewhere.name)


def kernel_pci_device():
    """(address, driver) of the first PCI device that the kernel uses, or None."""
    for device in sorted(pathlib.Path("/sys/bus/pci/devices").glob("*")):
        driver = (device / "driver").resolve().name
        if (device / "driver").exists() and driver not in ("vfio-pci", "uio_pci_generic", "igb_uio", "mlx5_core"):
            return device.name, driver
    return None


def broken_clients(net, says):
    """Half lines, floods and crowds on the control socket; meanwhile `flyover` and the traffic go on."""
    memory = net.flyoverd.resident_kib()
    probe = clients.Probe(net.client, "10.2.0.2", every_ms=5, seconds=15)
    crowd = []
    for _ in range(1000):
        try:
            crowd.append(connect(net))
            crowd[-1].send(b'{"v":1,"comm')
        except OSError:
            pass  # refused or closed already: its right
    says.expect(lambda: wait.until(lambda: alive(net), "an answer", 10),
                f"{len(crowd)} clients with half a line each: `flyover` is answered")
    for one in crowd:
        one.close()

    endless, sent = connect(net), 0
    try:
        while sent < 1 << 30:
            sent += endless.send(b"x" * (1 << 20))
    except OSError:
        pass
    endless.close()
    says.check(sent < 64 << 20, f"1 GB without a line's end: closed after {sent >> 20} MiB")

    for name, line in {"no JSON": b"hello\n", "JSON of another kind": b"[1]\n", "no such command": b'{"v":1,"command":"x"}\n',
                       "wrong version": b'{"v":99,"command":"show.version"}\n', "deep": b"[" * 100000 + b"\n",
                       "binary": bytes(range(256)) * 4 + b"\n", "empty lines": b"\n" * 1000,
                       "wrong arguments": b'{"v":1,"command":"backend.weight","args":{"weight":"x"}}\n'}.items():
        one = connect(net)
        try:
            one.sendall(line)
            one.shutdown(socket.SHUT_WR)
            while one.recv(65536):
                pass
        except OSError:
            pass
        one.close()
        says.check(alive(net), f"a client that sends {name}: the daemon answers others")
    folder = pathlib.Path(f"/proc/{net.flyoverd.process.pid}/fd")
    before = len(list(folder.iterdir()))
    gift = connect(net)
    with open("/dev/null", "rb") as file:
        socket.send_fds(gift, [b'{"v":1,"command":"show.version"}\n'], [file.fileno()] * 200)
    gift.recv(65536)
    gift.close()
    says.expect(lambda: wait.until(lambda: len(list(folder.iterdir())) <= before, "its descriptors", 5),
                f"200 file descriptors sent to it: it still has {before}")
    says.expect(lambda: wait.until(lambda: net.flyoverd.resident_kib() < memory + 64 * 1024, "memory", 5),
                f"its memory stays: {memory // 1024} MiB before")
    lines = probe.rest()
    lost = lines[-1]["sent_total"] - lines[-1]["answered"]
    says.check(lines[-1]["answered"] > 1000 and lost <= 5, f"traffic went on: {lost} of {lines[-1]['sent_total']} lost")


def connect(net):
    one = socket.socket(socket.AF_UNIX)
    one.settimeout(10)
    one.connect(net.flyoverd.socket)
    return one


def alive(net):
    return net.flyoverd.flyover("show version", check=False).returncode == 0


def nonsense(net, says):
    flyoverd = net.flyoverd
    for words in (["--nonsense"], ["show"], ["show", "nothing"], ["show", "route"], ["backend", "weight", "a", "b", "many"],
                  ["backend", "drain"], ["reload", "a", "b", "c"], ["fly"], ["show", "ports", "x" * 100_000], [""]):
        result = flyoverd.flyover(words, check=False)
        says.equal(result.returncode, 2, f"`flyover {' '.join(words)[:40]}`: usage, exit code 2")
    for words in (["check"], ["check", "a", "b"], ["check", "a", "--nonsense"], ["bench", "--nonsense"],
                  ["version", "x"], ["show", "ports", "--watch", "never"], ["show", "routes", "--limit", "-1"],
                  ["--socket", "a", "--name", "b", "show", "ports"]):
        result = flyoverd.flyover(words, check=False)
        says.check(result.returncode == 2 and result.stderr.strip(),
                   f"`flyover {' '.join(words)}`: usage, exit code 2", f"{result.returncode} {result.stderr[-300:]}")
    paths.stage(flyoverd.bin, ["flyover-bench"])
    for program in ("flyover-decap", "flyover-tap-holder", "flyover-bench"):
        result = shell.run([flyoverd.bin / program, "--nonsense"], check=False, env=flyoverd.env)
        says.equal(result.returncode, 2, f"`{program} --nonsense`: usage, exit code 2")
    for words in (["--nonsense"], ["--config"], ["a.yaml", "b.yaml"], ["--json", "a.yaml"], ["--allow-ssh-nic", "a.yaml"]):
        result = shell.run([flyoverd.bin / "flyoverd", *words], check=False, env=flyoverd.env)
        says.equal(result.returncode, 2, f"`flyoverd {' '.join(words)}`: usage, exit code 2")
    result = flyoverd.flyover("show route nonsense", check=False)
    says.check(result.returncode in (1, 2), "`flyover show route nonsense` is refused", str(result.returncode))
    result = flyoverd.flyover("backend weight no such 5", check=False)
    says.equal(result.returncode, 1, "an unknown backend: exit code 1")
    result = shell.run([flyoverd.bin / "flyover", "--socket", "/nowhere.sock", "show", "ports"], check=False)
    says.check(result.returncode == 3 and len(result.stderr.strip().splitlines()) == 1,
               f"no daemon: exit code 3, one line: {result.stderr.strip()}", result.stderr)


def body(lab, says):
    net = topology.standard(lab, serve=False, config=document.base(lab))
    for part in (bad_documents, starts, broken_clients, nonsense):
        part(net, says)
    says.check(daemon.is_alive(net.flyoverd.process), "the daemon ran on all the time")
    says.expect(net.reachable, "and forwards")
    return net


if __name__ == "__main__":
    runner.main("bad_input", body, __doc__)
