// The client's side of the control socket: blocking, for command line tools.
#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "common/base/status.h"

namespace flyover {

class ControlClient {
 public:
  // kUnavailable: no daemon answers on the path. kPermissionDenied: one may, but not to us.
  static Result<ControlClient> Connect(const std::string& path);
  ~ControlClient();
  ControlClient(ControlClient&&) noexcept;
  ControlClient& operator=(ControlClient&&) noexcept;

  // The result, or the daemon's refusal with its code. When the connection broke or the time was
  // up, kUnavailable and lost() is true; no further call will succeed then.
  Result<nlohmann::json> Call(std::string_view command, const nlohmann::json& args,
                              std::chrono::milliseconds timeout);
  bool lost() const { return fd_ < 0; }

 private:
  explicit ControlClient(int fd) : fd_(fd) {}
  Status Lose(std::string why);
  int fd_ = -1;
  std::string buffered_;  // read beyond the last answer
};

}  // namespace flyover
