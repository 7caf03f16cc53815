// A TUN device: an interface whose packets (IP, no frames) are read from and written to a
// descriptor. Not persistent: it goes, with all routes into it, when the descriptor is closed,
// however its process ends.
//
// Threads: any; what is made is made in the calling thread's network namespace.
#pragma once

#include <string>

#include "common/base/status.h"
#include "common/tap/unique_fd.h"

namespace flyover {

struct TunOptions {
  std::string name;     // with "%d" the kernel chooses a number
  bool header = false;  // a TapHeader in front of each packet
  int mtu = 0;          // 0: the kernel's default
};

struct TunDevice {
  UniqueFd fd;  // does not block
  int if_index = 0;
};

// The device is up. Errors: kPermissionDenied without CAP_NET_ADMIN; kUnavailable.
Result<TunDevice> MakeTun(const TunOptions& options);

Status SetInterfaceUp(const std::string& name);

}  // namespace flyover
