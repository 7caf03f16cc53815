#!/usr/bin/python3
"""Every kind of health check against real servers: each finds its server well, and each finds out when it is not."""

import json

from lab import document, runner, topology, wait

PORTS = {"https": 8443, "grpc": 50051, "udp": 7007, "dns": 5353, "http": 80}
NAME = "www.example.net"

_NGINX = """
daemon off;
worker_processes 1;
user root;
pid {run}/tls.pid;
error_log {log} info;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {run}/body2;
  server {{
    listen {https} ssl;
    ssl_certificate {run}/cert.pem;
    ssl_certificate_key {run}/key.pem;
    if ($ssl_server_name != "{name}") {{ return 421; }}
    location = /healthz {{ default_type text/plain; return 200 "well\\n"; }}
  }}
  server {{
    listen {grpc} http2;
    root {run};
    # A static answer to a POST: HealthCheckResponse with SERVING, in its frame.
    location = /grpc.health.v1.Health/Check {{
      default_type application/grpc;
      alias {run}/serving.bin;
      error_page 405 =200 /serving.bin;
    }}
  }}
}}
"""

_UDP = """
import socket, threading
def serve(port, answer):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("0.0.0.0", port))
    while True:
        data, peer = s.recvfrom(2048)
        reply = answer(data)
        if reply is not None:
            s.sendto(reply, peer)
threading.Thread(target=serve, args=({udp}, lambda d: b"pong" if d == b"ping" else None), daemon=True).start()
print("ready", flush=True)
serve({dns}, lambda d: d[:2] + b"\\x81\\x80" + d[4:])
"""

CHECKS = {
    "http": {"http": {"path": "/healthz", "body": "well"}},
    "https": {"https": {"path": "/healthz", "host": NAME, "body": "well", "port": PORTS["https"]}},
    "tls": {"tls": {"host": NAME, "port": PORTS["https"]}},
    "tcp": {"tcp": {}},
    "grpc": {"grpc": {"port": PORTS["grpc"]}},
    "udp": {"udp": {"send": "ping", "answer": "pong", "port": PORTS["udp"]}},
    "dns": {"dns": {"name": NAME, "port": PORTS["dns"]}},
    "icmp": {"icmp": {}},
    "exec": {"exec": {"command": ["/usr/bin/curl", "-sf", "--max-time", "1", "http://10.2.0.11/healthz"]},
             "interval": "1s", "timeout": "1s"},
}
# The same servers, asked for what they do not have.
FAULTS = {
    "http": ({"http": {"path": "/healthz", "body": "unwell"}}, "not the expected text"),
    "https": ({"https": {"path": "/healthz", "host": NAME, "verify": True, "port": PORTS["https"]}}, "certificate"),
    "tls": ({"tls": {"port": 80}}, ""),
    "tcp": ({"tcp": {"port": 81}}, "refused"),
    "grpc": ({"grpc": {"port": 80}}, ""),
    "udp": ({"udp": {"send": "bang", "port": PORTS["udp"]}}, "no answer"),
    "dns": ({"dns": {"port": PORTS["udp"]}}, "no answer"),
    "exec": ({"exec": {"command": ["/bin/sh", "-c", "echo of $FLYOVER_ADDRESS not a word; exit 3"]}},
             "exit 3: of 10.2.0.11 not a word"),
}


def servers(net):
    node = net.webs["web1"]
    run = net.lab.state / "kinds"
    run.mkdir()
    node.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
              "2", "-subj", f"/CN={NAME}", "-keyout", run / "key.pem", "-out", run / "cert.pem"])
    (run / "serving.bin").write_bytes(b"\0\0\0\0\2\x08\1")
    conf = run / "nginx.conf"
    conf.write_text(_NGINX.format(run=run, log=net.lab.log("kinds-nginx.log"), name=NAME, **PORTS))
    nginx = node.background(["nginx", "-c", conf, "-p", run], "kinds-nginx")
    udp = node.background(["python3", "-u", "-c", _UDP.format(**PORTS)], "kinds-udp", stdout=-1)
    assert udp.stdout.readline().strip() == b"ready"
    for port in (PORTS["https"], PORTS["grpc"]):
        wait.until(lambda p=port: node.run(f"ss -Hltn sport = :{p}").stdout.strip(), f"port {port} listens", 10)
    return nginx, udp


def config(lab, checks):
    made = document.base(lab)
    made["services"] = {}
    for index, (name, check) in enumerate(checks.items()):
        made["services"][name] = {
            "vip": f"192.0.2.{150 + index}", "port": 80, "forward": "l2dsr",
            "backends": {"web1": {"address": "10.2.0.11"}},
            "health": {"interval": "200ms", "timeout": "150ms", "fall": 2, "rise": 2, **json.loads(json.dumps(check))},
        }
    return made


def states(net):
    return {r["service"]: (r["state"], r["reason"]) for r in net.flyoverd.json("show backends")["backends"]}


def all_in(net, state):
    return all(s == state for s, _ in states(net).values())


def body(lab, says):
    net = topology.Network(lab)
    net.serve(decap=False)
    nginx, udp = servers(net)
    net.start(config(lab, CHECKS))
    wait.until(lambda: all_in(net, "up"), "all kinds find their server well", 20, every=0.1)
    says.show("dataplane", "flyover show backends", net.flyoverd.flyover("show backends").stdout, lines=12)
    says.check(all_in(net, "up"), f"{len(CHECKS)} kinds of checks find their server well: {', '.join(CHECKS)}")

    net.flyoverd.document = config(lab, {name: fault for name, (fault, _) in FAULTS.items()})
    net.flyoverd.reload()
    wait.until(lambda: all_in(net, "down"), "all kinds find the fault", 20, every=0.1)
    found = states(net)
    says.show("dataplane", "flyover show backends", net.flyoverd.flyover("show backends").stdout, lines=12)
    for name, (_, word) in FAULTS.items():
        says.check(word in found[name][1] and found[name][1], f"{name}: down, because: {found[name][1]}", str(found[name]))

    net.flyoverd.document = config(lab, CHECKS)
    net.flyoverd.reload()
    wait.until(lambda: all_in(net, "up"), "all kinds find their server well again", 20, every=0.1)
    for process in (nginx, udp):
        process.terminate()
        process.wait()
    net.web["web1"].stop()
    net.webs["web1"].ip("link set eth0 down")
    wait.until(lambda: all_in(net, "down"), "all kinds find the server dead", 20, every=0.1)
    says.check(all_in(net, "down"), f"all {len(CHECKS)} kinds find the server dead, icmp too")
    return net


if __name__ == "__main__":
    runner.main("health_kinds", body, __doc__)
