#include "common/tap/tun_device.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace flyover {
namespace {

Status Failed(const std::string& name, const char* what) {
  return ErrnoStatus(errno == EPERM ? StatusCode::kPermissionDenied : StatusCode::kUnavailable,
                     "interface " + name + ": " + what, errno);
}

ifreq RequestFor(const std::string& name) {
  ifreq request{};
  std::strncpy(request.ifr_name, name.c_str(), sizeof(request.ifr_name) - 1);
  return request;
}

UniqueFd ControlSocket() { return UniqueFd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)); }

}  // namespace

Result<TunDevice> MakeTun(const TunOptions& options) {
  TunDevice device{UniqueFd(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)), 0};
  if (!device.fd.valid()) return Failed(options.name, "open /dev/net/tun");
  ifreq request = RequestFor(options.name);
  request.ifr_flags = static_cast<short>(IFF_TUN | IFF_NO_PI | (options.header ? IFF_VNET_HDR : 0));
  if (ioctl(device.fd.get(), TUNSETIFF, &request) != 0) return Failed(options.name, "make it");
  const std::string name = request.ifr_name;
  const UniqueFd control = ControlSocket();
  if (options.mtu != 0) {
    request.ifr_mtu = options.mtu;
    if (ioctl(control.get(), SIOCSIFMTU, &request) != 0) return Failed(name, "set its MTU");
  }
  if (ioctl(control.get(), SIOCGIFINDEX, &request) != 0) return Failed(name, "index");
  device.if_index = request.ifr_ifindex;
  if (Status status = SetInterfaceUp(name); !status.ok()) return status;
  return device;
}

Status SetInterfaceUp(const std::string& name) {
  const UniqueFd control = ControlSocket();
  ifreq request = RequestFor(name);
  if (ioctl(control.get(), SIOCGIFFLAGS, &request) != 0) return Failed(name, "flags");
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (ioctl(control.get(), SIOCSIFFLAGS, &request) != 0) return Failed(name, "set it up");
  return Status::Ok();
}

}  // namespace flyover
