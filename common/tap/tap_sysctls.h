// The kernel's settings of each TAP that keep it a host behind a router: it answers for the box's
// own addresses and forwards nothing (docs/kernel.md).
//
//   net.ipv4.conf.TAP.forwarding = 0       no packet that was punted is forwarded a second time
//   net.ipv4.conf.TAP.rp_filter  = 0, or 2 where conf.all.rp_filter is on
//   net.ipv6.conf.TAP.forwarding = 1       NAs carry the router flag, RAs install nothing
//   net.ipv6.conf.TAP.keep_addr_on_down = 1
//   net.ipv6.conf.TAP.accept_ra = 0, accept_dad = 1   once, when the TAP is new
//
// The kernel uses the greater of conf.all.rp_filter and conf.TAP.rp_filter. Where `all` is on,
// 2 (loose) is the least that a TAP can have without weakening the host's other interfaces: a
// packet then passes when there is any route back to its source.
//
// Writing net.ipv4.ip_forward, or conf.all.forwarding of either family, overwrites the value of
// every interface. The kernel says so by netlink (RTM_NEWNETCONF); Tick looks again in case that
// was missed.
//
// Threads: the control thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/netlink/socket.h"
#include "common/tap/unique_fd.h"

namespace flyover {

class TapSysctls {
 public:
  // Listens in the namespace; TAPs are added after.
  static Result<TapSysctls> Open(const std::string& network_namespace);
  TapSysctls(TapSysctls&&) = default;
  TapSysctls& operator=(TapSysctls&&) = default;

  // Sets everything above and keeps it so from now on. `fresh`: the device was made just now.
  // Replaces what was known of an earlier TAP of that name.
  Status Add(const std::string& tap, bool fresh);
  void Remove(const std::string& tap);

  // Readable: some sysctl of some interface changed.
  int fd() const { return socket_.fd(); }
  void OnReadable();
  // Once a second.
  void Tick() { Assert(); }

  // Values that somebody changed and that were put back.
  uint64_t restored() const { return restored_; }

 private:
  static constexpr int kLooseReversePath = 2;
  struct Setting {
    std::string path;  // below /proc/sys/net
    int value;
    UniqueFd file;
    bool failed = false;  // said once
  };
  struct Tap {
    std::string name;
    std::vector<Setting> settings;  // rp_filter first
    bool loose_said = false;
  };

  TapSysctls(std::string network_namespace, netlink::Socket socket)
      : namespace_(std::move(network_namespace)), socket_(std::move(socket)) {}
  void Assert();
  void Assert(Tap& tap, int all_rp_filter, bool initial);

  std::string namespace_;
  netlink::Socket socket_;
  UniqueFd all_rp_filter_;
  std::vector<Tap> taps_;
  uint64_t restored_ = 0;
};

}  // namespace flyover
