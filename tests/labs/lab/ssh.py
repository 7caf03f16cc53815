"""OpenSSH with keys and configuration of its own: nothing of the machine's ssh is read or changed."""

import os

from . import shell, wait

_SERVER = """
Port 22
HostKey {dir}/host_key
AuthorizedKeysFile {dir}/user_key.pub
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PermitRootLogin prohibit-password
StrictModes no
PidFile {dir}/sshd.pid
Subsystem sftp internal-sftp
"""


class Sshd:
    """sshd in `node`, and the client's options to reach it."""

    def __init__(self, node):
        self.node = node
        self.dir = node.lab.state / f"ssh-{node.short}"
        self.dir.mkdir(mode=0o700)
        for key in ("host_key", "user_key"):
            shell.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"flyover lab {key}", "-f", self.dir / key])
        config = self.dir / "sshd_config"
        config.write_text(_SERVER.format(dir=self.dir))
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # sshd's privilege separation directory
        self.process = node.background(["/usr/sbin/sshd", "-D", "-e", "-f", config], "sshd")
        wait.until(lambda: node.run("ss -Hltn sport = :22").stdout.strip(), "sshd listens")

    def client(self, address, command):
        """The command line of a client that trusts exactly this server's key."""
        known = self.dir / "known_hosts"
        key = (self.dir / "host_key.pub").read_text().split()
        known.write_text(f"{address} {key[0]} {key[1]}\n")
        return ["ssh", "-F", "none", "-i", self.dir / "user_key", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5",
                "-o", "IdentitiesOnly=yes", "-o", f"UserKnownHostsFile={known}",
                "-o", "StrictHostKeyChecking=yes", f"root@{address}", command]
