// One datagram of the kernel from a netlink socket.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <span>

namespace flyover::netlink {

// The kernel fills dump datagrams up to 32 KiB when it is offered that much.
inline constexpr size_t kDatagramBytes = 65536;

// Waits at most `timeout` (0: not at all) for a datagram of the kernel, those of other processes
// left out. Returns its size, or -1 with errno set: EAGAIN or ETIMEDOUT when there is none, ENOBUFS
// also for one that `into` was too small for, ECANCELED once `stop_fd` is readable.
ssize_t ReceiveDatagram(int fd, std::span<uint8_t> into, std::chrono::milliseconds timeout,
                        int stop_fd = -1);

}  // namespace flyover::netlink
