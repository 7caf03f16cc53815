"""Step 5, change under load: weights edited, reloaded while 50 downloads run; a faulty document changes nothing."""

import copy
import re

from lab import clients, document, wait

from .balanced import shares
from .server_dies import finished

SERVICE = "ipip4"
WEIGHTS = {"web1": 50, "web2": 100, "web3": 200}


def reload(net, says):
    vip = document.VIPS[SERVICE][0]
    crowd = clients.Downloads(net.client, document.url(vip, "/slow"), 50)
    says.show("client", f"50 downloads of http://{vip}/slow", f"running on: {crowd.running}")
    good = copy.deepcopy(net.flyoverd.document)

    for name, weight in WEIGHTS.items():
        net.flyoverd.document["services"][SERVICE]["backends"][name]["weight"] = weight
    result = net.flyoverd.reload(check=False)
    says.show("dataplane", f"flyover reload {net.flyoverd.config.name}   # weights {WEIGHTS}", result.stdout + result.stderr)
    says.equal(result.returncode, 0, "reload with other weights is accepted")
    says.equal({r["name"]: r["weight"] for r in document.backends(net.flyoverd, SERVICE)}, WEIGHTS,
               "`flyover show backends` has the new weights")
    shares(net, says, SERVICE, "weights 50, 100, 200", vip)
    refused(net, says)
    finished(says, crowd, "two reloads")

    net.flyoverd.document = good
    says.equal(net.flyoverd.reload(check=False).returncode, 0, "reload of the first document is accepted")


def refused(net, says):
    """A misspelled key and a bad number: both named with file:line:column, nothing changed."""
    before = (net.flyoverd.json("show config"), net.flyoverd.json("show backends")["backends"])
    text = net.flyoverd.config.read_text()
    bad = text.replace("weight: 200", "weigth: 200", 1).replace("port: 80", "port: 80000", 1)
    path = net.lab.state / "faulty.yaml"
    path.write_text(bad)
    result = net.flyoverd.flyover(["reload", path], check=False)
    says.show("dataplane", f"flyover reload {path.name}", result.stdout + result.stderr)
    says.equal(result.returncode, 1, "a faulty document is refused, exit code 1")
    for word, wrong in (("weigth", "weigth"), ("80000", "80000")):
        line = next(i for i, l in enumerate(bad.splitlines(), 1) if wrong in l)
        says.check(re.search(rf"faulty\.yaml:{line}:\d+: .*{word}", result.stderr + result.stdout),
                   f"the fault `{word}` is named as file:line:column", result.stderr.strip())
    after = (net.flyoverd.json("show config"), net.flyoverd.json("show backends")["backends"])
    says.check(steady(before) == steady(after), "and nothing changed")
    wait.until(lambda: net.flyoverd.flyover("show version").returncode == 0, "the daemon answers")


def steady(state):
    """Config and the configured part of the backends: counters go on counting meanwhile."""
    config, backends = state
    keys = ("service", "name", "address", "weight", "table_share_percent")
    return config, [{k: row.get(k) for k in keys} for row in backends]
