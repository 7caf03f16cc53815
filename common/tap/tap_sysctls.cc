#include "common/tap/tap_sysctls.h"

#include <fcntl.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>

#include "common/log/log.h"
#include "common/namespace/namespace.h"

namespace flyover {
namespace {

// A sysctl's descriptor belongs to the namespace it was opened in, and goes on working from any
// thread.
UniqueFd OpenSysctl(const std::string& path, int flags) {
  return UniqueFd(open(("/proc/sys/net/" + path).c_str(), flags | O_CLOEXEC));
}

std::optional<int> Read(const UniqueFd& file) {
  char text[32];
  const ssize_t n = pread(file.get(), text, sizeof(text) - 1, 0);
  if (n <= 0) return std::nullopt;
  text[n] = '\0';
  return std::atoi(text);
}

bool Write(const UniqueFd& file, int value) {
  const std::string text = std::to_string(value);
  return pwrite(file.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
}

}  // namespace

Result<TapSysctls> TapSysctls::Open(const std::string& network_namespace) {
  Result<netlink::Socket> socket =
      netlink::Socket::Open({network_namespace, {RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF}, 0});
  if (!socket.ok()) return socket.status();
  TapSysctls sysctls(network_namespace, std::move(*socket));
  Status entered = RunInNamespace(network_namespace, [&] {
    sysctls.all_rp_filter_ = OpenSysctl("ipv4/conf/all/rp_filter", O_RDONLY);
  });
  if (!entered.ok()) return entered;
  return sysctls;
}

Status TapSysctls::Add(const std::string& name, bool fresh) {
  Remove(name);
  Tap tap;
  tap.name = name;
  const std::string v4 = "ipv4/conf/" + name + "/";
  const std::string v6 = "ipv6/conf/" + name + "/";
  tap.settings.push_back({v4 + "rp_filter", 0, {}});
  tap.settings.push_back({v4 + "forwarding", 0, {}});
  tap.settings.push_back({v6 + "forwarding", 1, {}});
  tap.settings.push_back({v6 + "keep_addr_on_down", 1, {}});
  int error = 0;
  std::string missing;
  Status entered = RunInNamespace(namespace_, [&] {
    for (Setting& setting : tap.settings) {
      setting.file = OpenSysctl(setting.path, O_RDWR);
      if (setting.file.valid() || error != 0) continue;
      // A kernel without IPv6 has none of its settings.
      if (errno == ENOENT && setting.path.starts_with("ipv6/")) continue;
      error = errno;
      missing = setting.path;
    }
    if (!fresh) return;
    // Once only: an operator may want to change these, and keeps them over restarts.
    Write(OpenSysctl(v6 + "accept_ra", O_WRONLY), 0);
    Write(OpenSysctl(v6 + "accept_dad", O_WRONLY), 1);
  });
  if (!entered.ok()) return entered;
  if (error != 0) {
    return ErrnoStatus(StatusCode::kFailedPrecondition, "sysctl net/" + missing, error);
  }
  std::erase_if(tap.settings, [](const Setting& setting) { return !setting.file.valid(); });
  Assert(tap, Read(all_rp_filter_).value_or(0), true);
  for (const Setting& setting : tap.settings) {
    if (setting.failed) {
      return {StatusCode::kPermissionDenied,
              "sysctl net/" + setting.path + " cannot be set to " + std::to_string(setting.value)};
    }
  }
  taps_.push_back(std::move(tap));
  return Status::Ok();
}

void TapSysctls::Remove(const std::string& name) {
  std::erase_if(taps_, [&](const Tap& tap) { return tap.name == name; });
}

void TapSysctls::OnReadable() {
  // Whatever changed and even when messages were lost: all values are looked at.
  while (socket_.Receive(256, [](netlink::Bytes) {}) == netlink::ReceiveOutcome::kMore) {
  }
  Assert();
}

void TapSysctls::Assert() {
  const int all_rp_filter = Read(all_rp_filter_).value_or(0);
  for (Tap& tap : taps_) Assert(tap, all_rp_filter, false);
}

void TapSysctls::Assert(Tap& tap, int all_rp_filter, bool initial) {
  Setting& rp_filter = tap.settings[0];
  rp_filter.value = all_rp_filter > 0 ? kLooseReversePath : 0;
  if (all_rp_filter > 0 && !tap.loose_said) {
    Log(LogArea::kTap, LogLevel::kWarn,
        "net.ipv4.conf.all.rp_filter is {}: TAP {} gets loose reverse path filtering; set it to 0 "
        "to have none",
        all_rp_filter, tap.name);
  }
  tap.loose_said = all_rp_filter > 0;
  for (Setting& setting : tap.settings) {
    const std::optional<int> value = Read(setting.file);
    // The device is gone; its successor is added anew.
    if (!value || *value == setting.value) continue;
    const bool written = Write(setting.file, setting.value);
    if (!written) {
      if (!setting.failed) {
        Log(LogArea::kTap, LogLevel::kError, "sysctl net/{} cannot be set to {}", setting.path,
            setting.value);
      }
      setting.failed = true;
      continue;
    }
    setting.failed = false;
    if (initial) continue;
    ++restored_;
    LogLimited(LogArea::kTap, LogLevel::kInfo, setting.path,
               "sysctl net/{} was changed to {} and is {} again", setting.path, *value,
               setting.value);
  }
}

}  // namespace flyover
