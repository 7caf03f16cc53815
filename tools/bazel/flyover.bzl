"""The only way C++ is built here: warnings are errors, and DPDK is visible only where asked for.

`dpdk = True` gives a target DPDK's headers and libraries. A target without it cannot include rte_*.h, so pure
tables stay pure by construction.
"""

WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"]

_DPDK_COPTS = [
    "-isystem/usr/include/dpdk",
    "-isystem/usr/include/x86_64-linux-gnu/dpdk",
    "-include",
    "rte_config.h",
]

_DPDK_LINKOPTS = ["-l" + lib for lib in [
    "rte_ethdev",
    "rte_hash",
    "rte_rcu",
    "rte_net",
    "rte_mbuf",
    "rte_mempool",
    "rte_ring",
    "rte_meter",
    "rte_bus_vdev",
    "rte_bus_pci",
    "rte_pci",
    "rte_net_bond",
    "rte_net_ring",
    "rte_kvargs",
    "rte_telemetry",
    "rte_eal",
]]

def _copts(dpdk, copts):
    return WARNINGS + (_DPDK_COPTS if dpdk else []) + copts

def flyover_cc_library(name, dpdk = False, copts = [], linkopts = [], **kwargs):
    native.cc_library(
        name = name,
        copts = _copts(dpdk, copts),
        linkopts = linkopts + (_DPDK_LINKOPTS if dpdk else []),
        linkstatic = True,
        **kwargs
    )

def flyover_cc_binary(name, dpdk = False, copts = [], linkopts = [], **kwargs):
    native.cc_binary(
        name = name,
        copts = _copts(dpdk, copts),
        linkopts = linkopts + (_DPDK_LINKOPTS if dpdk else []) + ["-lpthread"],
        **kwargs
    )

def flyover_cc_test(name, dpdk = False, copts = [], linkopts = [], **kwargs):
    """A GoogleTest test; gtest_main is linked in. Needs neither root nor hugepages."""
    native.cc_test(
        name = name,
        copts = _copts(dpdk, copts),
        linkopts = linkopts + (_DPDK_LINKOPTS if dpdk else []) +
                   ["-lgmock", "-lgtest_main", "-lgtest", "-lpthread"],
        linkstatic = True,
        **kwargs
    )
