// Several devices as one port, by DPDK's net_bonding.
//
// active-backup: one member carries everything; when its link goes down the next one does. 802.3ad:
// the members that the other side agrees to by LACP share the flows by layer 3 and 4. LACP is
// spoken inside the receive and transmit bursts, so these must be called at least every 100 ms,
// packets or not (TxBuffers, IdleWait).
//
// Threads: control thread only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/status.h"

namespace flyover {

struct BondOptions {
  bool lacp = false;                 // 802.3ad; else active-backup
  std::vector<std::string> members;  // device strings; the first is preferred
};

struct BondMember {
  std::string device;  // DPDK's name
  bool link_up = false;
  bool active = false;  // carries packets
};

// The new device's DPDK port; its members are opened, not configured. The message of an error names
// the member and says what is accepted.
Result<uint16_t> CreateBond(const std::string& name, const BondOptions& options);

std::vector<BondMember> MembersOfBond(uint16_t bond);

// active-backup: lets the first member that has a link carry the packets, where net_bonding did
// not: it waits for an interrupt that some drivers announce and never send (net_tap of DPDK 22.11).
// Ten times a second.
void FollowMemberLinks(uint16_t bond);

}  // namespace flyover
