#include "common/dpdk/bond.h"

#include <rte_errno.h>
#include <rte_eth_bond.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <array>

#include "common/dpdk/probe.h"

namespace flyover {
namespace {

// How often links are looked at that do not report their changes by interrupt.
constexpr uint32_t kLinkPollMs = 10;
constexpr uint16_t kMaxMembers = 8;

Status Refused(const std::string& what, int error) {
  return Status(StatusCode::kInvalidArgument,
                what + ": " + rte_strerror(error < 0 ? -error : error));
}

std::vector<uint16_t> List(int (*of)(uint16_t, uint16_t[], uint16_t), uint16_t bond) {
  std::array<uint16_t, kMaxMembers> ids{};
  const int count = of(bond, ids.data(), kMaxMembers);
  if (count <= 0) return {};
  return {ids.begin(), ids.begin() + count};
}

}  // namespace

Result<uint16_t> CreateBond(const std::string& name, const BondOptions& options) {
  std::vector<uint16_t> members;
  for (const std::string& device : options.members) {
    const Result<uint16_t> member = ProbeDevice(device);
    if (!member.ok()) {
      return Status(member.status().code(), "member " + device + ": " + member.status().message());
    }
    members.push_back(*member);
  }
  const auto mode =
      static_cast<uint8_t>(options.lacp ? BONDING_MODE_8023AD : BONDING_MODE_ACTIVE_BACKUP);
  const int created = rte_eth_bond_create(name.c_str(), mode, 0);
  if (created < 0) return Refused("making the bond", created);
  const auto bond = static_cast<uint16_t>(created);
  const auto fail = [&](const std::string& what, int error) {
    rte_eth_bond_free(name.c_str());
    return Refused(what, error);
  };
  for (size_t i = 0; i < members.size(); ++i) {
    if (const int error = rte_eth_bond_slave_add(bond, members[i]); error != 0) {
      return fail("member " + options.members[i] + " cannot be in a bond with the others", error);
    }
  }
  if (options.lacp) {
    if (const int error = rte_eth_bond_xmit_policy_set(bond, BALANCE_XMIT_POLICY_LAYER34);
        error != 0) {
      return fail("spreading flows by layer 3 and 4", error);
    }
  } else if (const int error = rte_eth_bond_primary_set(bond, members[0]); error != 0) {
    return fail("preferring member " + options.members[0], error);
  }
  if (const int error = rte_eth_bond_link_monitoring_set(bond, kLinkPollMs); error != 0) {
    return fail("watching the members' links", error);
  }
  return bond;
}

std::vector<BondMember> MembersOfBond(uint16_t bond) {
  const std::vector<uint16_t> active = List(rte_eth_bond_active_slaves_get, bond);
  const int primary = rte_eth_bond_mode_get(bond) == BONDING_MODE_ACTIVE_BACKUP
                          ? rte_eth_bond_primary_get(bond)
                          : -1;
  std::vector<BondMember> members;
  for (const uint16_t id : List(rte_eth_bond_slaves_get, bond)) {
    BondMember& member = members.emplace_back();
    char name[RTE_ETH_NAME_MAX_LEN];
    if (rte_eth_dev_get_name_by_port(id, name) == 0) member.device = name;
    rte_eth_link link{};
    rte_eth_link_get_nowait(id, &link);
    member.link_up = link.link_status == RTE_ETH_LINK_UP;
    member.active = std::find(active.begin(), active.end(), id) != active.end() &&
                    (primary < 0 || primary == id);
  }
  return members;
}

void FollowMemberLinks(uint16_t bond) {
  if (rte_eth_bond_mode_get(bond) != BONDING_MODE_ACTIVE_BACKUP) return;
  for (const uint16_t member : List(rte_eth_bond_slaves_get, bond)) {
    rte_eth_link link{};
    if (rte_eth_link_get_nowait(member, &link) != 0 || link.link_status != RTE_ETH_LINK_UP)
      continue;
    if (rte_eth_bond_primary_get(bond) != member) rte_eth_bond_primary_set(bond, member);
    return;
  }
}

}  // namespace flyover
