#!/usr/bin/python3
"""Before, during and after a change: `flyover plan`, the budget of a reload, `commit` that goes back by itself, and the
journal of who changed what. 50 downloads run through all of it."""

import copy
import json

from lab import clients, document, runner, topology, wait
from steps.server_dies import finished

SERVICE = "ipip4"
CONFIRM = 4


def weights(config, service=SERVICE):
    return {n: b["weight"] for n, b in config["services"][service]["backends"].items()}


def running_weights(net):
    return {r["name"]: r["weight"] for r in document.backends(net.flyoverd, SERVICE)}


def write(net, config, name):
    path = net.lab.state / name
    path.write_text(json.dumps(config))  # JSON is YAML
    return path


def journal(net):
    return net.flyoverd.json("show journal --limit 0")["entries"]


def plan_tells(net, says, good):
    """What is foretold is what the journal says afterwards."""
    changed = copy.deepcopy(good)
    changed["services"][SERVICE]["backends"]["web1"]["weight"] = 120
    path = write(net, changed, "weights.yaml")
    result = net.flyoverd.flyover(["plan", path])
    says.show("dataplane", "flyover plan weights.yaml   # web1: 100 -> 120", result.stdout)
    plan = net.flyoverd.json(["plan", path])
    service, = plan["services"]
    says.equal(service["name"], SERVICE, "the plan names the service that changes, and no other")
    says.check(service["slots_least"] <= service["slots_moved"] < 3 * service["slots_least"],
               f"{service['slots_moved']} slots would move, {service['slots_least']} at least")
    says.equal(plan["services_unchanged"], len(good["services"]) - 1, "the others are counted as unchanged")
    says.equal(running_weights(net), weights(good), "a plan changes nothing")
    for limit, code in (("0.1%", 4), ("100%", 0)):
        got = net.flyoverd.flyover(["plan", path, "--max-moved", limit], check=False)
        says.equal(got.returncode, code, f"`flyover plan --max-moved {limit}`: exit {code}")
    faulty = copy.deepcopy(changed)
    faulty["services"][SERVICE]["port"] = 80000
    got = net.flyoverd.flyover(["plan", write(net, faulty, "faulty.yaml")], check=False)
    says.check(got.returncode == 1 and "faulty.yaml:1:" in got.stderr and "80000" in got.stderr,
               "a faulty document: exit 1, the fault named as file:line:column", got.stderr)

    net.flyoverd.flyover(["reload", path])
    entry = journal(net)[-1]
    moved, = entry["moved"]
    says.equal((moved["service"], moved["moved"], moved["least"]),
               (SERVICE, service["slots_moved"], service["slots_least"]), "the reload moved what the plan foretold")
    says.equal((entry["command"], entry["outcome"], entry["uid"], entry["user"]), ("reload", "done", 0, "root"),
               "the journal says who did it")
    net.flyoverd.flyover(["reload", write(net, good, "good.yaml")])


def budget_holds(net, says, good):
    tight = copy.deepcopy(good)
    tight["changes"] = {"max_moved": "1%"}
    tight["services"][SERVICE]["backends"]["web1"]["weight"] = 0
    path = write(net, tight, "tight.yaml")
    before = net.flyoverd.json("show config")["generation"]
    result = net.flyoverd.flyover(["reload", path], check=False)
    says.show("dataplane", "flyover reload tight.yaml   # web1: 100 -> 0, changes.max_moved: 1%", result.stderr)
    says.check(result.returncode == 1 and "max_moved" in result.stderr, "a reload beyond its budget is refused",
               result.stderr)
    says.equal((net.flyoverd.json("show config")["generation"], running_weights(net)), (before, weights(good)),
               "and changes nothing")
    says.equal(net.flyoverd.flyover(["plan", path], check=False).returncode, 4, "`flyover plan` says so beforehand")
    says.equal(journal(net)[-1]["outcome"], "refused", "the journal keeps the refusal")
    net.flyoverd.flyover(["reload", path, "--force"])
    says.equal(running_weights(net), weights(tight), "`--force` takes it all the same")
    net.flyoverd.flyover(["reload", net.lab.state / "good.yaml"])


def goes_back(net, says, good):
    changed = copy.deepcopy(good)
    changed["services"][SERVICE]["backends"]["web2"]["weight"] = 1
    path = write(net, changed, "risky.yaml")
    before = net.flyoverd.json("show services")["services"]
    result = net.flyoverd.flyover(["commit", path, "--confirm", f"{CONFIRM}s"])
    says.show("dataplane", f"flyover commit risky.yaml --confirm {CONFIRM}s", result.stdout)
    says.equal(running_weights(net), weights(changed), "a committed document runs at once")
    says.check(net.flyoverd.json("show config")["confirm_seconds"] > 0
               and "flyover confirm" in net.flyoverd.flyover("show config").stdout, "`flyover show config` says it waits")
    says.equal(net.flyoverd.flyover(["reload", path], check=False).returncode, 1, "meanwhile no other document is taken")
    wait.until(lambda: running_weights(net) == weights(good), "the weights come back by themselves", CONFIRM + 3)
    digests = lambda rows: {r["name"]: r["table_digest"] for r in rows}
    says.equal(digests(net.flyoverd.json("show services")["services"]), digests(before),
               "unconfirmed, the former tables are back, digest for digest")
    entry = journal(net)[-1]
    says.equal((entry["command"], entry["outcome"]), ("rollback", "done"), "the journal names the rollback")
    says.equal(net.flyoverd.flyover("confirm", check=False).returncode, 1, "there is nothing to confirm any more")

    net.flyoverd.flyover(["commit", path, "--confirm", "60s"])
    net.flyoverd.flyover("rollback")
    says.equal(running_weights(net), weights(good), "`flyover rollback` goes back at once")
    net.flyoverd.flyover(["commit", path, "--confirm", f"{CONFIRM}s"])
    net.flyoverd.flyover("confirm")
    after = net.flyoverd.json("show config")
    says.equal((after["confirm_seconds"], running_weights(net)), (0, weights(changed)), "confirmed, it stays")
    net.flyoverd.flyover(["reload", net.lab.state / "good.yaml"])


def journal_outlives(net, says):
    before = journal(net)
    says.show("dataplane", "flyover show journal --limit 8", net.flyoverd.flyover("show journal --limit 8").stdout)
    net.flyoverd.kill()
    net.flyoverd.launch()
    wait.until(lambda: net.flyoverd.flyover("show version", check=False).returncode == 0, "the daemon is back", 30)
    after = journal(net)
    says.equal(after[:len(before)], before, f"all {len(before)} entries of the journal outlive kill -9")
    says.equal(after[-1]["command"], "start", "and the start is one more")


def body(lab, says):
    net = topology.standard(lab)
    vip = document.VIPS[SERVICE][0]
    crowd = clients.Downloads(net.client, document.url(vip, "/slow"), 50)
    says.show("client", f"50 downloads of http://{vip}/slow", f"running on: {crowd.running}")
    good = copy.deepcopy(net.flyoverd.document)
    plan_tells(net, says, good)
    budget_holds(net, says, good)
    goes_back(net, says, good)
    finished(says, crowd, "all these changes")
    journal_outlives(net, says)
    return net


if __name__ == "__main__":
    runner.main("changes", body, __doc__)
