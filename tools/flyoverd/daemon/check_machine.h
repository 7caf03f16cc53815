// `flyover check`, the part behind a valid document: what this machine would do with it.
#pragma once

#include <ostream>
#include <string>

#include "tools/flyoverd/document/document.h"

namespace flyover {

// Prints, for every port, what carries it (for PCI devices: kernel driver, IOMMU group, NUMA node
// and the command that gives it to DPDK), and the memory that the document asks for. False when the
// data plane could not start, or when a port is the NIC of the caller's own ssh session and
// `allow_ssh` is not set. Touches nothing.
bool CheckMachine(const Document& document, bool allow_ssh, std::ostream& out);

// The interface that carries the address, or "" (exposed for its test).
std::string InterfaceOfAddress(const std::string& address);

}  // namespace flyover
