#include "common/tap/tap_device.h"

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "common/namespace/namespace.h"
#include "common/tap/tap_header.h"

namespace flyover {
namespace {

constexpr char kTunPath[] = "/dev/net/tun";
constexpr short kTapFlags = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE | IFF_VNET_HDR;
constexpr int kKernelHeader = sizeof(TapHeader);

ifreq RequestFor(const std::string& name) {
  ifreq request{};
  std::memcpy(request.ifr_name, name.data(), std::min<size_t>(name.size(), IFNAMSIZ - 1));
  return request;
}

Status CheckName(const std::string& name) {
  // The kernel would number a name with %d, and take '/' for a path in /proc/sys.
  const bool bad = name.empty() || name.size() >= IFNAMSIZ || name == "." || name == ".." ||
                   name.find_first_of("/:% \t\n") != std::string::npos;
  if (!bad) return Status::Ok();
  return {StatusCode::kInvalidArgument,
          "TAP name \"" + name + "\": an interface name of 1 to 15 characters is accepted"};
}

Status OpenError(int error) {
  std::string what = std::string("open ") + kTunPath;
  if (error == ENOENT || error == ENODEV) what += " (load the kernel module tun)";
  const bool denied = error == EACCES || error == EPERM;
  return ErrnoStatus(denied ? StatusCode::kPermissionDenied : StatusCode::kFailedPrecondition, what,
                     error);
}

Status AttachError(const std::string& name, int error) {
  const std::string what = "TAP " + name;
  switch (error) {
    case EPERM:
      return ErrnoStatus(StatusCode::kPermissionDenied, what + ": CAP_NET_ADMIN is needed", error);
    case EBUSY:
      return ErrnoStatus(StatusCode::kFailedPrecondition, what + ": in use by another process",
                         error);
    case EINVAL:
      return {StatusCode::kFailedPrecondition,
              what +
                  ": an interface of that name exists and is no multi-queue TAP; choose another "
                  "name for the port's TAP, or remove it (ip link delete " +
                  name + ")"};
    default:
      return ErrnoStatus(StatusCode::kUnavailable, what, error);
  }
}

// A queue of the TAP `name`, which is made when it is not there. Inside the namespace.
Result<UniqueFd> OpenQueue(const std::string& name) {
  UniqueFd fd(open(kTunPath, O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid()) return OpenError(errno);
  ifreq request = RequestFor(name);
  request.ifr_flags = kTapFlags;
  if (ioctl(fd.get(), TUNSETIFF, &request) != 0 ||
      ioctl(fd.get(), TUNSETVNETHDRSZ, &kKernelHeader) != 0) {
    return AttachError(name, errno);
  }
  return fd;
}

}  // namespace

Result<TapDevice> TapDevice::Open(const TapOptions& options) {
  if (Status status = CheckName(options.name); !status.ok()) return status;
  return InNamespace(options.network_namespace, [&]() -> Result<TapDevice> {
    UniqueFd config(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!config.valid()) return ErrnoStatus(StatusCode::kUnavailable, "socket", errno);
    ifreq request = RequestFor(options.name);
    const bool adopted = ioctl(config.get(), SIOCGIFINDEX, &request) == 0;
    Result<UniqueFd> queue = OpenQueue(options.name);
    if (!queue.ok()) return queue.status();
    if (ioctl(queue->get(), TUNSETPERSIST, 1) != 0) {
      return ErrnoStatus(StatusCode::kUnavailable, "make TAP " + options.name + " persistent",
                         errno);
    }
    TapDevice tap(options, std::move(*queue), std::move(config));
    tap.adopted_ = adopted;
    tap.carrier_ = UniqueFd(fcntl(tap.queue_.get(), F_DUPFD_CLOEXEC, 0));
    request = RequestFor(options.name);
    if (ioctl(tap.config_.get(), SIOCGIFINDEX, &request) != 0) {
      return ErrnoStatus(StatusCode::kUnavailable, "index of TAP " + options.name, errno);
    }
    tap.if_index_ = request.ifr_ifindex;
    if (options.mac) {
      if (Status status = tap.SetMac(*options.mac); !status.ok()) return status;
    }
    if (Status status = tap.SetMtu(options.mtu); !status.ok()) return status;
    if (options.no_arp) {
      if (Status status = tap.SetFlag(IFF_NOARP, true); !status.ok()) return status;
    }
    return tap;
  });
}

Result<UniqueFd> TapDevice::OpenDetachedQueue() const {
  return InNamespace(options_.network_namespace, [&]() -> Result<UniqueFd> {
    Result<UniqueFd> queue = OpenQueue(options_.name);
    if (!queue.ok()) return queue;
    ifreq request{};
    request.ifr_flags = IFF_DETACH_QUEUE;
    if (ioctl(queue->get(), TUNSETQUEUE, &request) != 0) {
      return ErrnoStatus(StatusCode::kUnavailable, "detach a queue of TAP " + options_.name, errno);
    }
    return queue;
  });
}

Status TapDevice::SetMac(const MacAddress& mac) {
  ifreq request = RequestFor(options_.name);
  if (ioctl(config_.get(), SIOCGIFHWADDR, &request) == 0 &&
      std::memcmp(request.ifr_hwaddr.sa_data, mac.bytes.data(), mac.bytes.size()) == 0) {
    return Status::Ok();
  }
  request = RequestFor(options_.name);
  request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  std::memcpy(request.ifr_hwaddr.sa_data, mac.bytes.data(), mac.bytes.size());
  if (ioctl(config_.get(), SIOCSIFHWADDR, &request) == 0) return Status::Ok();
  return ErrnoStatus(StatusCode::kUnavailable, "MAC " + mac.ToString() + " of TAP " + options_.name,
                     errno);
}

Status TapDevice::SetMtu(uint16_t mtu) {
  ifreq request = RequestFor(options_.name);
  if (ioctl(config_.get(), SIOCGIFMTU, &request) == 0 && request.ifr_mtu == mtu) {
    return Status::Ok();
  }
  request.ifr_mtu = mtu;
  if (ioctl(config_.get(), SIOCSIFMTU, &request) == 0) return Status::Ok();
  return ErrnoStatus(StatusCode::kUnavailable,
                     "MTU " + std::to_string(mtu) + " of TAP " + options_.name, errno);
}

Status TapDevice::SetUp(bool up) { return SetFlag(IFF_UP, up); }

Status TapDevice::SetFlag(int flag, bool on) {
  ifreq request = RequestFor(options_.name);
  if (ioctl(config_.get(), SIOCGIFFLAGS, &request) == 0) {
    const int flags = on ? request.ifr_flags | flag : request.ifr_flags & ~flag;
    if (flags == request.ifr_flags) return Status::Ok();
    request.ifr_flags = static_cast<short>(flags);
    if (ioctl(config_.get(), SIOCSIFFLAGS, &request) == 0) return Status::Ok();
  }
  return ErrnoStatus(StatusCode::kUnavailable, "set the flags of TAP " + options_.name, errno);
}

Status TapDevice::SetCarrier(bool carrier) {
  int value = carrier ? 1 : 0;
  if (ioctl(carrier_.get(), TUNSETCARRIER, &value) == 0) return Status::Ok();
  return ErrnoStatus(StatusCode::kUnavailable, "carrier of TAP " + options_.name, errno);
}

Status TapDevice::SetSpeed(uint32_t mbit_per_second, bool full_duplex) {
  // The old form of the request: the kernel turns it into the new one, and it has one size.
  ethtool_cmd command{};
  command.cmd = ETHTOOL_SSET;
  ethtool_cmd_speed_set(&command, mbit_per_second);
  command.duplex = full_duplex ? DUPLEX_FULL : DUPLEX_HALF;
  command.port = PORT_TP;
  command.autoneg = AUTONEG_DISABLE;
  ifreq request = RequestFor(options_.name);
  request.ifr_data = reinterpret_cast<char*>(&command);
  if (ioctl(config_.get(), SIOCETHTOOL, &request) == 0) return Status::Ok();
  return ErrnoStatus(StatusCode::kUnavailable, "speed of TAP " + options_.name, errno);
}

}  // namespace flyover
