"""The demo: every step in one network. `tools/demo` installs, builds and calls this."""

import argparse
import os
import sys
import traceback

from lab import context, hugepages, ledger, report, topology
from steps.balanced import balanced
from steps.books import books
from steps.metrics import metrics
from steps.reload import reload
from steps.routed import routed
from steps.server_dies import server_dies
from steps.time_sharing import time_sharing

NAME = "demo"
STEPS = [
    ("Step 1 of 7: routed", routed),
    ("Step 2 of 7: balanced", balanced),
    ("Step 3 of 7: a server dies", server_dies),
    ("Step 4 of 7: time sharing with the kernel", time_sharing),
    ("Step 5 of 7: change under load", reload),
    ("Step 6 of 7: the ledger", books),
    ("Step 7 of 7: metrics", metrics),
]


def show(lab, says):
    says.progress("network namespaces, links, addresses")
    net = topology.Network(lab)
    says.progress("nginx on four servers, flyover-decap on three")
    net.serve()
    says.progress("flyoverd on net_af_packet over veth")
    net.start()
    says.progress("neighbours and health checks")
    net.reachable().backends_up()
    witness = ledger.Witness(net)
    for title, step in STEPS:
        says.title(title)
        try:
            step(net, says, witness) if step is books else step(net, says)
        except Exception as error:  # any surprise fails its step; the others are still shown
            says.check(False, f"{title} ran to its end", f"{type(error).__name__}: {error}")
            lab.log(f"{step.__name__}-traceback.txt").write_text(traceback.format_exc())
    return net


def look_around(net, says):
    says.title("the lab stands; look around")
    client, router = net.client.name, net.router.name
    says.say(f"""
   ip netns exec {client} curl http://192.0.2.1/whoami
   ip netns exec {client} ping 10.9.0.1
   ip netns exec {router} ip route
   ip netns exec {router} tcpdump -ni wan
   {' '.join(map(str, net.flyoverd.argv('show backends')))}
   {' '.join(map(str, net.flyoverd.argv('show counters')))}
   config: {net.flyoverd.config}    log: {net.flyoverd.log}

   tools/demo --down   removes it""")


def main():
    options = argparse.ArgumentParser(prog="tools/demo")
    options.add_argument("--keep", action="store_true")
    options.add_argument("--down", action="store_true")
    args = options.parse_args()
    if args.down:
        removed = context.remove(NAME)
        hugepages.give_back(NAME)
        print(f"removed {len(removed)} network namespaces" if removed else "there was nothing to remove")
        return 0
    if os.geteuid() != 0:
        sys.exit("demo: not root: run it with sudo")

    says = report.Report()
    try:
        with context.Context(NAME, keep=args.keep) as lab:
            try:
                net = show(lab, says)
                if args.keep:
                    look_around(net, says)
            except Exception as error:
                says.check(False, "the lab came up", f"{type(error).__name__}: {error}")
                lab.log("traceback.txt").write_text(traceback.format_exc())
            lab.keep_logs = args.keep or bool(says.failed)
            if says.failed:
                says.note(f"logs and captures: {lab.logs}")
    except context.Busy as busy:
        sys.exit(f"demo: {busy}")
    except KeyboardInterrupt:
        sys.exit("demo: interrupted; everything was removed")
    return 0 if says.summary("demo") else 1


if __name__ == "__main__":
    sys.exit(main())
