// A probe of one packet and its answer: UDP with a payload, DNS, or an ICMP echo.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/tap/unique_fd.h"
#include "lb/health/health_target.h"
#include "lb/health/polled_probe.h"

namespace flyover::lb {

// Type and protocol of socket(2).
struct SocketKind {
  int type;
  int protocol;
};

class DatagramProbe : public PolledProbe {
 public:
  // Sends. `nonce` tells this probe's answer from others' (of an echo, its upper half is the
  // identifier). `socket`, of the kind that SocketOf names, is used instead of a new one.
  DatagramProbe(const HealthTarget& target, uint32_t nonce, Clock::time_point now,
                UniqueFd socket = UniqueFd());

  static SocketKind SocketOf(const HealthTarget& target);

  int fd() const override { return fd_.get(); }
  Clock::time_point deadline() const override { return deadline_; }
  // Reads what has come. Packets that are no answer are skipped.
  std::optional<ProbeResult> Judge(Clock::time_point now) override;

 private:
  bool Connect();
  std::string Request() const;
  // What a received packet says; nothing: it is no answer to this probe.
  std::optional<ProbeResult> Read(const uint8_t* data, size_t length) const;
  std::optional<ProbeResult> ReadDns(const uint8_t* data, size_t length) const;
  std::optional<ProbeResult> ReadEcho(const uint8_t* data, size_t length) const;

  const HealthTarget target_;
  const uint32_t nonce_;
  const Clock::time_point deadline_;
  UniqueFd fd_;
  std::string error_;
};

// A name as it stands in a DNS question (RFC 1035 3.1); nothing where a label is empty or longer
// than 63 bytes, or the name longer than 255. The root is ".".
std::optional<std::string> DnsName(const std::string& text);

}  // namespace flyover::lb
