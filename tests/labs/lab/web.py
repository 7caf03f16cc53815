"""nginx in a node, with its own configuration, files and pid file."""

import os
import signal

from . import context, files, wait

BIG = 10_000_000     # bytes: what "10 MB" means here
SLOW = 2_400_000     # bytes, at SLOW_RATE about 6 s: downloads that are still running while something happens
SLOW_RATE = 400_000  # bytes per second and connection
TRICKLE = 90_000     # bytes, at TRICKLE_RATE about 45 s: for a thousand connections at a time
TRICKLE_RATE = 2_000

_CONFIG = """
daemon off;
worker_processes 1;
user root;
pid {run}/nginx.pid;
error_log {log} info;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  default_type application/octet-stream;
  sendfile on;
  client_body_temp_path {run}/body;
  proxy_temp_path {run}/proxy;
  fastcgi_temp_path {run}/fastcgi;
  uwsgi_temp_path {run}/uwsgi;
  scgi_temp_path {run}/scgi;
  client_max_body_size 64m;
  add_header X-Backend {name} always;
  server {{
    listen 80 default_server backlog=1024;
    listen [::]:80 default_server backlog=1024;
    root {files};
    location = /whoami {{ default_type text/plain; return 200 "{name}\\n"; }}
    location = /healthz {{ default_type text/plain; return 200 "well\\n"; }}
    location = /slow {{ limit_rate {rate}; alias {files}/slow.bin; }}
    location = /trickle {{ limit_rate {trickle_rate}; alias {files}/trickle.bin; }}
    location /upload/ {{ root {run}; dav_methods PUT; create_full_put_path on; }}
  }}
}}
"""


class Web:
    """GET /whoami, /big.bin (10 MB), /slow and /trickle (rate-limited), /healthz; PUT /upload/NAME."""

    # The same on every server, made once a lab: SHA-256 by file name.
    checksums = {}

    def __init__(self, node):
        self.node = node
        self.run_dir = node.lab.state / f"nginx-{node.short}"
        self.run_dir.mkdir(parents=True)
        self.config = self.run_dir / "nginx.conf"
        self.config.write_text(_CONFIG.format(
            run=self.run_dir, log=node.lab.log(f"{node.short}-nginx-error.log"), name=node.short,
            files=content(node.lab), rate=SLOW_RATE, trickle_rate=TRICKLE_RATE))
        self.process = None
        self.start()

    def start(self):
        self.process = self.node.background(["nginx", "-c", self.config, "-p", self.run_dir], "nginx")
        wait.until(self.listening, f"nginx of {self.node.short} listens", 10)

    def listening(self):
        if self.process.poll() is not None:
            raise AssertionError(f"nginx of {self.node.short} ended: see {self.node.short}-nginx.log")
        return self.node.run("ss -Hltn sport = :80").stdout.strip()

    def stop(self):
        """At once: open connections are reset, and the port is closed."""
        context.stop(self.process, how=signal.SIGTERM)

    def uploaded(self, name):
        return self.run_dir / "upload" / name


def content(lab):
    """The served files; made once for all servers of a lab."""
    directory = lab.state / "www"
    if not directory.exists():
        directory.mkdir()
        os.chmod(directory, 0o755)
        Web.checksums = {
            "big.bin": files.fixed(directory / "big.bin", BIG, seed=1),
            "slow": files.fixed(directory / "slow.bin", SLOW, seed=2),
            "trickle": files.fixed(directory / "trickle.bin", TRICKLE, seed=3),
        }
    return directory
