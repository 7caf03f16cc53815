#include "lb/client_path/client_path.h"

#include <utility>

#include "common/net/byte_order.h"
#include "common/net/headers.h"
#include "lb/client_path/encapsulate.h"

namespace flyover::lb {
namespace {

constexpr size_t kLongestPacket = 65'536;
constexpr unsigned kMostPackets = 1'024;  // of one call and direction: then others get their turn

struct Ends {
  IpAddress source;
  IpAddress destination;
};

// REQUIRES: TransportOf(packet).
Ends EndsOf(std::span<const uint8_t> packet) {
  if (packet[0] >> 4 == 6) {
    const auto& ip = *reinterpret_cast<const Ipv6Header*>(packet.data());
    return {Ipv6Address::FromBytes(ip.src), Ipv6Address::FromBytes(ip.dst)};
  }
  const auto& ip = *reinterpret_cast<const Ipv4Header*>(packet.data());
  return {Ipv4Address{ip.src.host()}, Ipv4Address{ip.dst.host()}};
}

// The flow's own port: the source of what leaves, the destination of what comes.
uint16_t PortOf(std::span<const uint8_t> packet, const Transport& transport, bool leaves) {
  const bool icmp = transport.protocol == kProtoIcmp || transport.protocol == kProtoIcmpv6;
  const size_t identifier = offsetof(IcmpHeader, rest);
  const size_t port = leaves ? offsetof(UdpHeader, src_port) : offsetof(UdpHeader, dst_port);
  return LoadBe16(packet.data() + transport.offset + (icmp ? identifier : port));
}

}  // namespace

Result<std::unique_ptr<ClientPath>> ClientPath::Open() {
  Result<Uplink> uplink = Uplink::Open();
  if (!uplink.ok()) return uplink.status();
  Result<ProbeNamespace> inside = ProbeNamespace::Make();
  if (!inside.ok()) return inside.status();
  return std::unique_ptr<ClientPath>(new ClientPath(std::move(*inside), std::move(*uplink)));
}

ClientPath::ClientPath(ProbeNamespace inside, Uplink uplink)
    : inside_(std::move(inside)), uplink_(std::move(uplink)), buffer_(kLongestPacket) {}

Result<std::unique_ptr<ClientPath::Flow>> ClientPath::Begin(const ClientWay& way,
                                                            const IpAddress& backend, int type,
                                                            int protocol) {
  Result<IpAddress> source = Uplink::SourceFor(backend, way.vip.family());
  if (!source.ok()) return source.status();
  Result<Uplink::Port> port = uplink_.Reserve(*source, type);
  if (!port.ok()) return port.status();
  const uint16_t number = port->number;
  Result<UniqueFd> socket =
      inside_.OpenSocket(*source, type == SOCK_RAW ? uint16_t{0} : number, type, protocol);
  if (!socket.ok()) {
    uplink_.Release(std::move(*port));
    return socket.status();
  }
  std::unique_ptr<Flow> flow(
      new Flow(*this, way, backend, *source, std::move(*port), std::move(*socket)));
  flows_[number] = flow.get();
  return flow;
}

ClientPath::Flow::~Flow() {
  socket_.Reset();
  path_.CarryOut();  // the reset of a connection that was closed
  path_.flows_.erase(port());
  path_.uplink_.Release(std::move(port_));
}

std::array<int, 3> ClientPath::fds() const {
  return {inside_.fd(), uplink_.fds()[0], uplink_.fds()[1]};
}

void ClientPath::Carry() {
  CarryOut();
  CarryIn();
}

void ClientPath::CarryOut() {
  for (unsigned n = 0; n < kMostPackets; ++n) {
    const auto packet = inside_.Read(buffer_);
    if (!packet) return;
    const auto transport = TransportOf(*packet);
    if (!transport) continue;  // the kernel's own: router solicitations, listener reports
    const auto found = flows_.find(PortOf(*packet, *transport, true));
    if (found == flows_.end()) continue;
    Flow& flow = *found->second;
    if (EndsOf(*packet).destination != flow.way_.vip) continue;
    const auto out = Encapsulate(flow.way_, flow.backend_, *packet);
    if (!out) continue;
    if (Status status = uplink_.Send(flow.way_, flow.backend_, *out); !status.ok()) {
      flow.error_ = status.message();
    }
  }
}

void ClientPath::CarryIn() {
  for (unsigned n = 0; n < kMostPackets; ++n) {
    const auto packet = uplink_.Receive(buffer_);
    if (!packet) return;
    const auto transport = TransportOf(*packet);
    if (!transport) continue;
    const auto found = flows_.find(PortOf(*packet, *transport, false));
    if (found == flows_.end()) continue;
    Flow& flow = *found->second;
    const auto [source, destination] = EndsOf(*packet);
    if (source != flow.way_.vip || destination != flow.source_) continue;
    if (const uint16_t mss = AnnouncedMss(*packet, *transport); mss != 0) flow.peer_mss_ = mss;
    inside_.Write(*packet);
  }
}

}  // namespace flyover::lb
