#include "router/datapath/tunnel_table.h"

#include <algorithm>

#include "common/net/flow_hash.h"

namespace flyover::router {
namespace {

uint64_t Hash(const TunnelKey& key) {
  std::array<uint8_t, 32> ends;
  std::copy_n(key.local.bytes().begin(), 16, ends.begin());
  std::copy_n(key.remote.bytes().begin(), 16, ends.begin() + 16);
  const uint32_t kind = uint32_t{key.underlay.value()} << 8 | static_cast<uint32_t>(key.kind) << 1 |
                        (key.has_key ? 1 : 0);
  return HashIpv6Flow({}, ends.data(), key.key, kind);
}

}  // namespace

void TunnelTable::Add(const Tunnel& tunnel) {
  const auto n = static_cast<uint8_t>(tunnels_.size());
  tunnels_.push_back(tunnel);
  by_port_[tunnel.port.value()] = static_cast<uint8_t>(n + 1);
  const std::pair entry(Hash(tunnel.key), n);
  index_.insert(std::lower_bound(index_.begin(), index_.end(), entry), entry);
}

const Tunnel* TunnelTable::Find(const TunnelKey& key) const {
  const uint64_t hash = Hash(key);
  for (auto it = std::lower_bound(index_.begin(), index_.end(), std::pair(hash, uint8_t{0}));
       it != index_.end() && it->first == hash; ++it) {
    if (tunnels_[it->second].key == key) return &tunnels_[it->second];
  }
  return nullptr;
}

const Tunnel* TunnelTable::FindByEnds(const IpAddress& local, const IpAddress& remote,
                                      VrfIndex underlay) const {
  const auto found = std::find_if(tunnels_.begin(), tunnels_.end(), [&](const Tunnel& t) {
    return t.key.local == local && t.key.remote == remote && t.key.underlay == underlay;
  });
  return found == tunnels_.end() ? nullptr : &*found;
}

}  // namespace flyover::router
