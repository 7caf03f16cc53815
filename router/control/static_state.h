// The document's addresses and static routes, kept in the kernel with a protocol number of our own
// (kStaticProtocol), as if typed with `ip`. What carries that number and is no longer in the
// document is removed; nothing else is ever touched: a route or address of the same key that
// somebody else made stays, and the conflict is reported.
//
// Threads: the control thread. Each call waits for the kernel's answers (bounded).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/base/strong_id.h"
#include "common/netlink/socket.h"
#include "router/config/router_config.h"

namespace flyover::router {

struct StaticPort {
  PortIndex port;
  std::string tap;
  std::vector<InterfaceAddress> addresses;
};

class StaticState {
 public:
  static Result<StaticState> Open(const std::string& network_namespace);

  // Makes the kernel hold exactly `ports`' addresses and `routes` under our number. Goes on after
  // an error; returns one Status per thing that could not be done (an unreachable gateway, a link
  // that is down, a conflict). Those are tried again by Reapply.
  std::vector<Status> Apply(std::vector<StaticPort> ports, std::vector<StaticRoute> routes);
  // The same document again: after a link came up, whose IPv4 routes the kernel forgot. Before the
  // first Apply there is no document, and nothing is done: an earlier process's addresses and
  // routes stay until it is known which of them this one wants, too.
  std::vector<Status> Reapply();

 private:
  explicit StaticState(netlink::Socket socket) : socket_(std::move(socket)) {}
  Status FindLinks();
  Status DumpAddresses(std::vector<netlink::AddressMessage>& out);
  void ApplyAddresses(std::vector<Status>& errors);
  void ApplyRoutes(std::vector<Status>& errors);
  Result<netlink::RouteSpec> SpecOf(const StaticRoute& route) const;
  int IfIndexOf(PortIndex port) const;

  netlink::Socket socket_;
  bool applied_ = false;
  std::vector<StaticPort> ports_;
  std::vector<StaticRoute> routes_;
  std::vector<int> if_indexes_;  // of ports_; 0: the TAP is not there
};

}  // namespace flyover::router
