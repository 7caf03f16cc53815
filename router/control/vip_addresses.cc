#include "router/control/vip_addresses.h"

#include <linux/if_addr.h>

#include <algorithm>

#include "router/control/protocol_numbers.h"

namespace flyover::router {
namespace {

using netlink::AddressMessage;
using netlink::AddressSpec;

AddressSpec SpecOf(int if_index, const IpAddress& vip) {
  AddressSpec spec;
  spec.if_index = if_index;
  spec.address = {vip, static_cast<uint8_t>(vip.bits())};
  spec.flags = IFA_F_NOPREFIXROUTE | (vip.is_v6() ? uint32_t{IFA_F_NODAD} : 0u);
  spec.protocol = kVipProtocol;
  spec.deprecated = true;
  return spec;
}

Status DumpAddresses(netlink::Socket& socket, std::vector<AddressMessage>& out) {
  for (const uint8_t family : netlink::kIpFamilies) {
    const auto outcome = socket.Dump(netlink::DumpAddresses(family), [&](netlink::Bytes b) {
      if (auto address = netlink::ParseAddress(b)) out.push_back(*address);
    });
    if (!outcome.ok()) return outcome.status();
  }
  return Status::Ok();
}

}  // namespace

Result<VipAddresses> VipAddresses::Open(const std::string& network_namespace,
                                        std::vector<PortTap> ports,
                                        const std::set<std::pair<PortIndex, IpAddress>>& keep) {
  Result<netlink::Socket> socket = netlink::Socket::Open({network_namespace, {}, 0});
  if (!socket.ok()) return socket.status();
  VipAddresses vips(std::move(*socket), std::move(ports));
  std::vector<AddressMessage> existing;
  if (Status status = DumpAddresses(vips.socket_, existing); !status.ok()) return status;
  for (const PortTap& port : vips.ports_) {
    const Result<int> if_index = vips.IfIndexOf(port.port);
    if (!if_index.ok()) continue;  // no device, no stale address
    for (const AddressMessage& m : existing) {
      if (m.if_index != *if_index || m.protocol != kVipProtocol) continue;
      if (keep.contains({port.port, m.address.address})) continue;
      Status status =
          vips.socket_.Execute(netlink::RemoveAddress({m.if_index, m.address, 0, 0, false}));
      if (!status.ok() && status.code() != StatusCode::kNotFound) return status;
    }
  }
  return vips;
}

Result<int> VipAddresses::IfIndexOf(PortIndex port) {
  const auto tap = std::ranges::find(ports_, port, &PortTap::port);
  if (tap == ports_.end()) return Status(StatusCode::kInvalidArgument, "unknown port");
  int if_index = 0;
  const auto outcome = socket_.Dump(netlink::DumpLinks(), [&](netlink::Bytes b) {
    const auto link = netlink::ParseLink(b);
    if (link && link->name == tap->tap) if_index = link->if_index;
  });
  if (!outcome.ok()) return outcome.status();
  if (if_index == 0) {
    return Status(StatusCode::kNotFound, "interface " + tap->tap + " is not there");
  }
  return if_index;
}

Status VipAddresses::Add(PortIndex port, const IpAddress& vip) {
  vips_.emplace(port, vip);
  const Result<int> if_index = IfIndexOf(port);
  if (!if_index.ok()) return if_index.status();
  const AddressSpec spec = SpecOf(*if_index, vip);
  Status status = socket_.Execute(netlink::AddAddress(spec));
  if (status.code() != StatusCode::kAlreadyExists) return status;
  std::vector<AddressMessage> existing;
  if (Status dumped = DumpAddresses(socket_, existing); !dumped.ok()) return dumped;
  for (const AddressMessage& m : existing) {
    if (m.if_index == *if_index && m.address == spec.address && m.protocol == kVipProtocol) {
      return Status::Ok();
    }
  }
  return {StatusCode::kFailedPrecondition,
          "VIP " + vip.ToString() + ": the kernel has that address already, not put there by us"};
}

Status VipAddresses::Remove(PortIndex port, const IpAddress& vip) {
  vips_.erase({port, vip});
  const Result<int> if_index = IfIndexOf(port);
  if (if_index.status().code() == StatusCode::kNotFound) return Status::Ok();
  if (!if_index.ok()) return if_index.status();
  Status status = socket_.Execute(netlink::RemoveAddress(SpecOf(*if_index, vip)));
  return status.code() == StatusCode::kNotFound ? Status::Ok() : status;
}

std::vector<Status> VipAddresses::Reapply() {
  std::vector<Status> errors;
  const auto vips = vips_;
  for (const auto& [port, vip] : vips) {
    Status status = Add(port, vip);
    if (!status.ok()) errors.push_back(std::move(status));
  }
  return errors;
}

}  // namespace flyover::router
