"""Step 7, metrics: a scrape of the Prometheus endpoint."""

import re

LISTEN = "127.0.0.1:9142"
# One family per thing that is counted; names by convention: unit last, _total on counters.
WANTED = ("flyover_port_", "flyover_lcore_", "flyover_service_", "flyover_backend_", "flyover_drop", "flyover_punt",
          "flyover_config_")


def metrics(net, says):
    out = net.router.run(["curl", "-sS", "--max-time", "5", f"http://{LISTEN}/metrics"], check=False).stdout
    shown = [l for l in out.splitlines() if not l.startswith("#") and not l.endswith(" 0")]
    says.show("router", f"curl http://{LISTEN}/metrics", "\n".join(shown), lines=16)
    samples = re.findall(r"^([a-z_]+)(?:\{[^}]*\})? [-+0-9.eE]+$", out, re.M)
    for prefix in WANTED:
        found = sorted({s for s in samples if s.startswith(prefix)})
        says.check(found, f"{prefix}*: {len(found)} metrics", "none")
    families = set(re.findall(r"^# TYPE (\S+) counter", out, re.M))
    bad = sorted(f for f in families if not f.endswith("_total"))
    says.check(not bad and families, "every counter's name ends in _total", str(bad[:5]))
