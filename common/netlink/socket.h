// A netlink socket in a network namespace. Nothing here waits without a bound.
//
// Use one socket for requests and another for multicast groups: answers then never stand behind a
// flood of events, and a lost event never loses an answer.
//
// Threads: one at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/netlink/message.h"
#include "common/netlink/request.h"

struct mnl_socket;

namespace flyover::netlink {

// An NLMSG_ERROR: the kernel's answer to a request with NLM_F_ACK, or its refusal of any request.
struct Ack {
  uint32_t sequence = 0;
  int error = 0;     // errno; 0: done
  std::string text;  // the kernel's own words, where it has any
};
std::optional<Ack> ParseAck(Bytes message);

// Calls `each` for every whole message of a datagram. False when bytes were left over that are no
// message.
bool ForEachMessage(Bytes datagram, const std::function<void(Bytes)>& each);

enum class DumpOutcome : uint8_t {
  kComplete,
  kInterrupted,  // the kernel's table changed meanwhile: there may be gaps
};

enum class ReceiveOutcome : uint8_t {
  kDrained,  // nothing waits any more
  kMore,     // the limit was reached first
  kLost,     // the kernel dropped messages (ENOBUFS): what was learnt is out of date
  kFailed,   // the socket is unusable
};

class Socket {
 public:
  struct Options {
    std::string network_namespace;
    std::vector<unsigned> groups;     // RTNLGRP_*
    size_t receive_buffer_bytes = 0;  // 0: the system's default
    bool strict = false;              // dumps obey the filters of their request
  };
  static Result<Socket> Open(const Options& options);
  Socket(Socket&&) noexcept;
  Socket& operator=(Socket&&) noexcept;
  ~Socket();

  int fd() const;

  static constexpr std::chrono::milliseconds kDefaultTimeout{2000};

  // Sends `request` and waits for the kernel's answer. Errors: kNotFound (ENOENT, ESRCH, ENODEV),
  // kAlreadyExists (EEXIST), kPermissionDenied, kResourceExhausted (ENOBUFS, ENOMEM),
  // kInvalidArgument, kUnavailable (no answer in time).
  Status Execute(Request request, std::chrono::milliseconds timeout = kDefaultTimeout);

  // Sends a dump request and calls `each` for every message of the answer. `timeout` bounds each
  // silence, not the whole. A long one is received on a thread of its own meanwhile (read_ahead.h),
  // which may run on `cpus`; empty: where the caller may.
  Result<DumpOutcome> Dump(Request request, const std::function<void(Bytes)>& each,
                           std::chrono::milliseconds timeout = kDefaultTimeout,
                           std::span<const unsigned> cpus = {});

  // Sends without waiting; the Ack comes by Receive with the sequence number returned here.
  Result<uint32_t> Send(Request request);

  // Memory that messages which wait to be read take in the kernel; 0 when that is unknown.
  size_t QueuedBytes() const;

  // Reads what waits, at most `max_datagrams`, without blocking.
  ReceiveOutcome Receive(unsigned max_datagrams, const std::function<void(Bytes)>& each);

 private:
  struct Closer {
    void operator()(mnl_socket* socket) const;
  };
  explicit Socket(mnl_socket* socket);
  // One datagram from the kernel into buffer_; its size, or -1 with errno set.
  ssize_t ReceiveDatagram(std::chrono::milliseconds timeout);
  std::optional<Bytes> NextHere(std::chrono::milliseconds timeout);
  void Discard();

  std::unique_ptr<mnl_socket, Closer> socket_;
  uint32_t sequence_ = 0;
  std::vector<uint8_t> buffer_;
};

// The error of a request as a Status; Ok for 0.
Status AckStatus(const Ack& ack, const std::string& what);

}  // namespace flyover::netlink
