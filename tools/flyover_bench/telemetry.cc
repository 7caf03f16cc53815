#include "tools/flyover_bench/telemetry.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

namespace flyover {
namespace {

constexpr size_t kLongestAnswer = 65'536;

Result<std::string> Receive(int fd) {
  std::string text(kLongestAnswer, '\0');
  const ssize_t n = recv(fd, text.data(), text.size(), 0);
  if (n <= 0) return ErrnoStatus(StatusCode::kUnavailable, "telemetry of the peer", errno);
  text.resize(static_cast<size_t>(n));
  return text;
}

}  // namespace

Result<Telemetry> Telemetry::Connect(const std::string& prefix) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = "/var/run/dpdk/" + prefix + "/dpdk_telemetry.v2";
  if (path.size() >= sizeof(address.sun_path)) {
    return Status(StatusCode::kInvalidArgument, path + " is too long for a socket");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size());
  UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const timeval limit{.tv_sec = 2, .tv_usec = 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return ErrnoStatus(StatusCode::kUnavailable, path, errno);
  }
  const auto greeting = Receive(fd.get());
  if (!greeting.ok()) return greeting.status();
  return Telemetry(std::move(fd));
}

Result<Telemetry::Counters> Telemetry::OfPort(unsigned port) {
  const std::string question = "/ethdev/stats," + std::to_string(port);
  if (send(socket_.get(), question.data(), question.size(), MSG_NOSIGNAL) < 0) {
    return ErrnoStatus(StatusCode::kUnavailable, "telemetry of the peer", errno);
  }
  const auto answer = Receive(socket_.get());
  if (!answer.ok()) return answer.status();
  const auto json = nlohmann::json::parse(*answer, nullptr, false);
  if (!json.is_object() || !json.contains("/ethdev/stats")) {
    return Status(StatusCode::kInternal, "telemetry of the peer: " + *answer);
  }
  const nlohmann::json& stats = json["/ethdev/stats"];
  const auto value = [&](const char* key) { return stats.value(key, uint64_t{0}); };
  return Counters{value("ipackets"), value("opackets"),
                  value("imissed") + value("ierrors") + value("oerrors") + value("rx_nombuf")};
}

}  // namespace flyover
