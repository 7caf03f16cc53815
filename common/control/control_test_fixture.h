// A control server on a loop of its own thread, and raw clients that need not keep to the protocol.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>

#include "common/control/control_client.h"
#include "common/control/control_server.h"
#include "common/control/event_loop.h"

namespace flyover {

// A directory with a path short enough for a socket (Bazel's own is not).
class ShortTempDir {
 public:
  ShortTempDir() {
    char name[] = "/tmp/flyover-control-XXXXXX";
    path_ = mkdtemp(name);
  }
  ~ShortTempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string Path(const std::string& file) const { return path_ + "/" + file; }

 private:
  std::string path_;
};

class RawClient {
 public:
  explicit RawClient(const std::string& path)
      : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    connected_ = connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~RawClient() { close(fd_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }
  int fd() const { return fd_; }
  // False when the server has closed.
  bool Send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  // Up to the next newline; what came until the server closed, if it did. Fails the test after 20
  // s.
  std::string ReadLine() const {
    std::string line;
    while (true) {
      pollfd poll_fd{.fd = fd_, .events = POLLIN, .revents = 0};
      if (poll(&poll_fd, 1, 20'000) != 1) {
        ADD_FAILURE() << "no answer, so far: " << line;
        return line;
      }
      char c = 0;
      if (recv(fd_, &c, 1, 0) != 1 || c == '\n') return line;
      line += c;
    }
  }
  // Waits until the server closes; false when it does not within 20 s.
  bool WaitClosed() const {
    char sink[65536];
    while (true) {
      pollfd poll_fd{.fd = fd_, .events = POLLIN, .revents = 0};
      if (poll(&poll_fd, 1, 20'000) != 1) return false;
      if (recv(fd_, sink, sizeof(sink), 0) <= 0) return true;
    }
  }

 private:
  int fd_;
  bool connected_ = false;
};

class ControlTest : public testing::Test {
 protected:
  void Start(std::function<void(ControlServerOptions&)> change = [](ControlServerOptions&) {}) {
    ControlServerOptions options;
    options.path = path_ = dir_.Path("control.sock");
    change(options);
    auto server = ControlServer::Create(loop_, options);
    ASSERT_TRUE(server.ok()) << server.status().message();
    server_ = std::move(server).value();
    server_->Register(
        "echo", [](const nlohmann::json& args, const ControlReply& reply) { reply.Ok(args); });
    thread_ = std::thread([this] { loop_.Run(); });
  }
  void TearDown() override {
    if (thread_.joinable()) {
      loop_.Stop();
      thread_.join();
    }
    server_.reset();
  }
  // Runs `work` on the loop's thread and gives its result.
  template <typename F>
  auto OnLoop(F work) {
    std::promise<decltype(work())> promise;
    loop_.Post([&] { promise.set_value(work()); });
    return promise.get_future().get();
  }
  void Register(const char* command, ControlHandler handler) {
    OnLoop([&] { return server_->Register(command, std::move(handler)), true; });
  }
  bool Echoes() {
    auto client = ControlClient::Connect(path_);
    if (!client.ok()) return false;
    const auto answer = client->Call("echo", {{"a", 1}}, std::chrono::seconds(20));
    return answer.ok() && answer.value() == nlohmann::json{{"a", 1}};
  }
  // Waits for a condition on the loop's thread.
  bool Eventually(std::function<bool()> condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!OnLoop(condition)) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }

  ShortTempDir dir_;
  std::string path_;
  EventLoop loop_;
  std::unique_ptr<ControlServer> server_;
  std::thread thread_;
};

}  // namespace flyover
