"""What the kernel of a node counted: /proc/net/snmp and snmp6."""


def snmp(node, group, counter):
    """E.g. snmp(node, "Udp", "NoPorts")."""
    rows = [l.split() for l in node.run("cat /proc/net/snmp").stdout.splitlines() if l.startswith(group + ":")]
    return int(dict(zip(*rows))[counter])


def snmp6(node, counter):
    """E.g. snmp6(node, "Icmp6InEchos")."""
    for line in node.run("cat /proc/net/snmp6").stdout.splitlines():
        if line.split()[0] == counter:
            return int(line.split()[1])
    raise KeyError(counter)
