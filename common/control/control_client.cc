#include "common/control/control_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "common/control/protocol.h"

namespace flyover {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

constexpr size_t kMaxAnswer = 2 * kMaxControlOutput;

// False when the time is up.
bool Wait(int fd, short events, Clock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd poll_fd{.fd = fd, .events = events, .revents = 0};
    const int rc = poll(&poll_fd, 1, static_cast<int>(left));
    if (rc > 0) return true;
    if (rc < 0 && errno != EINTR) return false;
  }
}

Result<json> ParseAnswer(std::string_view line) {
  json answer = json::parse(line, nullptr, false);
  const Status nonsense(StatusCode::kInternal,
                        "the daemon's answer is not of the control protocol");
  if (!answer.is_object() || !answer.contains("ok") || !answer["ok"].is_boolean()) return nonsense;
  if (answer["ok"].get<bool>()) return std::move(answer["result"]);
  const json& error = answer["error"];
  if (!error.is_object()) return nonsense;
  return Status(ParseControlErrorCode(error.value("code", "internal")),
                error.value("message", "refused without a reason"));
}

}  // namespace

Result<ControlClient> ControlClient::Connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return Status(StatusCode::kInvalidArgument, "socket path is empty or too long: " + path);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return ErrnoStatus(StatusCode::kResourceExhausted, "socket", errno);
  ControlClient client(fd);
  // Bounds the wait for a place in the listener's backlog.
  const timeval wait{.tv_sec = 5, .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const bool denied = errno == EACCES || errno == EPERM;
    return ErrnoStatus(denied ? StatusCode::kPermissionDenied : StatusCode::kUnavailable, path,
                       errno);
  }
  return client;
}

ControlClient::~ControlClient() {
  if (fd_ >= 0) close(fd_);
}

ControlClient::ControlClient(ControlClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), buffered_(std::move(other.buffered_)) {}

ControlClient& ControlClient::operator=(ControlClient&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(buffered_, other.buffered_);
  return *this;
}

Status ControlClient::Lose(std::string why) {
  close(std::exchange(fd_, -1));
  return {StatusCode::kUnavailable, std::move(why)};
}

Result<json> ControlClient::Call(std::string_view command, const json& args,
                                 std::chrono::milliseconds timeout) {
  if (fd_ < 0) return Status(StatusCode::kUnavailable, "not connected");
  const auto deadline = Clock::now() + timeout;
  const std::string line = EncodeRequest(command, args) + "\n";
  for (size_t sent = 0; sent < line.size();) {
    const ssize_t n =
        send(fd_, line.data() + sent, line.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) {
      sent += static_cast<size_t>(n);
    } else if (errno == EPIPE || errno == ECONNRESET) {
      break;  // the daemon may have said why before it closed
    } else if (errno != EINTR && (errno != EAGAIN || !Wait(fd_, POLLOUT, deadline))) {
      return Lose("the daemon does not take the request");
    }
  }
  std::vector<char> chunk(size_t{64} << 10);
  size_t scanned = 0;
  while (true) {
    const size_t end = buffered_.find('\n', scanned);
    if (end != std::string::npos) {
      Result<json> answer = ParseAnswer(std::string_view(buffered_).substr(0, end));
      buffered_.erase(0, end + 1);
      return answer;
    }
    scanned = buffered_.size();
    if (scanned > kMaxAnswer) return Lose("the daemon's answer is too long");
    const ssize_t n = recv(fd_, chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (n > 0) {
      buffered_.append(chunk.data(), static_cast<size_t>(n));
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
      return Lose("the daemon closed the connection");
    } else if (!Wait(fd_, POLLIN, deadline)) {
      return Lose("the daemon does not answer");
    }
  }
}

}  // namespace flyover
