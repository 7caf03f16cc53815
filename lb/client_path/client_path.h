// Lets a probe travel exactly as clients' packets do: to the VIP, in the backend's encapsulation,
// its answer straight from the VIP. So a backend that lacks the VIP or does not open the tunnel
// fails the probe.
//
//   probe's socket --> ProbeNamespace (TUN) --> Encapsulate --> Uplink --> TAP --> flyoverd -->
//   backend
//         ^-------------------------------- Uplink's capture <-- TAP <-- flyoverd <-- answer --'
//
// The packets are few and are handled one by one by the thread that probes; forwarding lcores see
// ordinary packets of this machine.
//
// Threads: one, which is in the namespace of the TAPs.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "common/base/status.h"
#include "common/tap/unique_fd.h"
#include "lb/client_path/client_way.h"
#include "lb/client_path/probe_namespace.h"
#include "lb/client_path/uplink.h"

namespace flyover::lb {

class ClientPath {
 public:
  // Needs root. The namespace of the calling thread is where backends are reached from.
  static Result<std::unique_ptr<ClientPath>> Open();

  // One probe's packets. Must end before the path does.
  class Flow {
   public:
    ~Flow();
    Flow(const Flow&) = delete;
    Flow& operator=(const Flow&) = delete;

    // A socket to be connected to the VIP; once. -1 afterwards.
    int TakeSocket() { return socket_.Release(); }
    // Its source port; of an ICMP echo, the identifier that it must have.
    uint16_t port() const { return port_.number; }
    // The MSS that the other side announced; 0: none yet.
    uint16_t peer_mss() const { return peer_mss_; }
    // Why a packet of it could not be sent; empty: none failed.
    const std::string& error() const { return error_; }

   private:
    friend class ClientPath;
    Flow(ClientPath& path, const ClientWay& way, const IpAddress& backend, const IpAddress& source,
         Uplink::Port port, UniqueFd socket)
        : path_(path),
          way_(way),
          backend_(backend),
          source_(source),
          port_(std::move(port)),
          socket_(std::move(socket)) {}

    ClientPath& path_;
    const ClientWay way_;
    const IpAddress backend_;
    const IpAddress source_;
    Uplink::Port port_;
    UniqueFd socket_;
    uint16_t peer_mss_ = 0;
    std::string error_;
  };
  // type and protocol: as of socket(2). kResourceExhausted: too many at a time, later there may be
  // room.
  Result<std::unique_ptr<Flow>> Begin(const ClientWay& way, const IpAddress& backend, int type,
                                      int protocol);

  // When one of these is readable, Carry has work. Neither waits.
  std::array<int, 3> fds() const;
  void Carry();

 private:
  ClientPath(ProbeNamespace inside, Uplink uplink);
  void CarryOut();
  void CarryIn();

  ProbeNamespace inside_;
  Uplink uplink_;
  std::map<uint16_t, Flow*> flows_;  // by port
  std::vector<uint8_t> buffer_;
};

}  // namespace flyover::lb
