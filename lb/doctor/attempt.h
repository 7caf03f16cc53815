// One try to reach a backend: a TCP connection or an echo, as a client or plainly.
//
// Threads: as ClientPath.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "common/base/status.h"
#include "common/tap/unique_fd.h"
#include "lb/client_path/client_path.h"

namespace flyover::lb {

struct AttemptResult {
  enum class Kind : uint8_t {
    kAnswered,
    kRefused,      // by a reset: somebody has the address, nobody listens
    kUnreachable,  // by an ICMP error of the backend about what was sent to it
    kSilent,
    kNotSent,
  };
  Kind kind = Kind::kSilent;
  std::string text;  // of kUnreachable and kNotSent
  std::chrono::milliseconds took{0};
  uint16_t mss = 0;  // that it announced; 0: unknown
};

class Attempts {
 public:
  static Result<Attempts> Open(std::chrono::milliseconds timeout);

  // A TCP connection to address:port from this machine, which is closed at once.
  AttemptResult Connect(const IpAddress& address, uint16_t port);
  // The same to the way's VIP, as a client's.
  AttemptResult ConnectAsClient(const ClientWay& way, const IpAddress& backend, uint16_t port);
  // An echo to the VIP as a client's, or plainly to the backend.
  AttemptResult PingAsClient(const ClientWay& way, const IpAddress& backend);
  AttemptResult Ping(const IpAddress& address);

 private:
  Attempts(std::unique_ptr<ClientPath> path, std::chrono::milliseconds timeout)
      : path_(std::move(path)), timeout_(timeout) {}
  AttemptResult Await(int socket, const IpAddress& to, uint16_t port, const IpAddress& backend,
                      const ClientWay* way, const ClientPath::Flow* flow);
  // Errors about earlier attempts are not about the next one.
  void ForgetErrors();
  AttemptResult Echo(const ClientWay* way, const IpAddress& backend);
  // Waits until one of the descriptors is readable or `socket` is ready, carries packets, and looks
  // for errors of the backend about packets of `protocol`.
  std::optional<std::string> Turn(int socket, short events, const IpAddress& backend,
                                  std::optional<uint8_t> protocol, std::chrono::milliseconds wait);

  std::unique_ptr<ClientPath> path_;
  std::chrono::milliseconds timeout_;
  UniqueFd errors4_;  // ICMP
  UniqueFd errors6_;
};

}  // namespace flyover::lb
