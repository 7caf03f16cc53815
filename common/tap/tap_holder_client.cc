#include "common/tap/tap_holder_client.h"

#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <filesystem>
#include <sstream>

#include "common/netlink/socket.h"
#include "common/tap/holder_wire.h"

extern char** environ;

namespace flyover {
namespace {

constexpr char kBinaryName[] = "flyover-tap-holder";

// Runs the holder, which goes into the background by itself and exits 0 once it listens.
Status Spawn(const std::string& binary, const std::string& socket_path) {
  std::string name = kBinaryName;
  std::string option = "--socket";
  std::string path = socket_path;
  char* const arguments[] = {name.data(), option.data(), path.data(), nullptr};
  // The caller's blocked signals are not the holder's.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, binary.c_str(), nullptr, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return ErrnoStatus(StatusCode::kNotFound, "start " + binary, error);
  const auto deadline = std::chrono::steady_clock::now() + kHolderTimeout;
  for (;;) {
    int status = 0;
    const pid_t ended = waitpid(pid, &status, WNOHANG);
    if (ended == pid) {
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return Status::Ok();
      return {StatusCode::kUnavailable, binary + " could not start (it says why on stderr)"};
    }
    if (ended < 0 && errno != EINTR) return ErrnoStatus(StatusCode::kInternal, "waitpid", errno);
    if (std::chrono::steady_clock::now() >= deadline) {
      kill(pid, SIGKILL);
      waitpid(pid, &status, 0);
      return {StatusCode::kUnavailable, binary + " did not start in time"};
    }
    poll(nullptr, 0, 2);
  }
}

}  // namespace

std::string FindTapHolderBinary() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) {
    const auto directory = self.parent_path();
    for (const auto& candidate :
         {directory / kBinaryName, directory.parent_path() / "flyover_tap_holder" / kBinaryName}) {
      if (access(candidate.c_str(), X_OK) == 0) return candidate;
    }
  }
  return kBinaryName;
}

Result<TapHolderClient> TapHolderClient::Connect(const std::string& socket_path) {
  Result<UniqueFd> fd = ConnectHolderSocket(socket_path);
  if (!fd.ok()) return fd.status();
  const timeval timeout{kHolderTimeout.count() / 1000, 0};
  setsockopt(fd->get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  setsockopt(fd->get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
  return TapHolderClient(std::move(*fd), socket_path);
}

Result<TapHolderClient> TapHolderClient::ConnectOrStart(const std::string& socket_path,
                                                        const std::string& binary) {
  Result<TapHolderClient> client = Connect(socket_path);
  if (client.status().code() != StatusCode::kNotFound) return client;
  if (Status status = Spawn(binary, socket_path); !status.ok()) return status;
  return Connect(socket_path);
}

Result<std::string> TapHolderClient::Call(const std::string& request, int fd) {
  if (Status status = SendHolderMessage(socket_.get(), request, fd); !status.ok()) return status;
  const Result<HolderMessage> answer = ReceiveHolderMessage(socket_.get());
  if (!answer.ok())
    return Status(answer.status().code(), "TAP holder: " + answer.status().message());
  const std::string& text = answer->text;
  if (text == "ok") return std::string();
  if (text.starts_with("ok ")) return text.substr(3);
  const StatusCode code =
      text.starts_with("error not held") ? StatusCode::kNotFound : StatusCode::kUnavailable;
  return Status(code, "TAP holder: " + text);
}

Status TapHolderClient::Hold(const std::string& name, int fd) {
  return Call("hold " + name, fd).status();
}

Status TapHolderClient::Release(const std::string& name) {
  return Call("release " + name, -1).status();
}

Result<std::vector<std::string>> TapHolderClient::List() {
  const Result<std::string> words = Call("list", -1);
  if (!words.ok()) return words.status();
  std::istringstream stream(*words);
  std::vector<std::string> names;
  for (std::string name; stream >> name;) names.push_back(name);
  return names;
}

Status TapHolderClient::Quit() {
  if (const auto answer = Call("quit", -1); !answer.ok()) return answer.status();
  // It closes our connection as its last act.
  const Result<HolderMessage> end = ReceiveHolderMessage(socket_.get());
  if (end.ok()) return {StatusCode::kInternal, "TAP holder: unexpected answer to quit"};
  return Status::Ok();
}

Status TeardownTaps(const std::string& network_namespace, const std::vector<std::string>& names,
                    const std::string& holder_socket_path) {
  Status first;
  const auto note = [&first](Status status) {
    if (first.ok()) first = std::move(status);
  };
  Result<TapHolderClient> holder = TapHolderClient::Connect(holder_socket_path);
  if (holder.ok()) {
    note(holder->Quit());
  } else if (holder.status().code() != StatusCode::kNotFound) {
    note(holder.status());
  }
  Result<netlink::Socket> socket = netlink::Socket::Open({network_namespace, {}, 0});
  if (!socket.ok()) {
    note(socket.status());
    return first;
  }
  std::vector<netlink::LinkMessage> links;
  const auto outcome = socket->Dump(netlink::DumpLinks(), [&](netlink::Bytes message) {
    if (auto link = netlink::ParseLink(message)) links.push_back(*link);
  });
  if (!outcome.ok()) note(outcome.status());
  for (const std::string& name : names) {
    for (const netlink::LinkMessage& link : links) {
      if (link.name != name) continue;
      if (link.kind != "tun") {
        note({StatusCode::kFailedPrecondition,
              "interface " + name + " is no TAP and was left alone"});
        continue;
      }
      const Status status = socket->Execute(netlink::RemoveLink(link.if_index));
      if (!status.ok() && status.code() != StatusCode::kNotFound) {
        note({status.code(), "remove " + name + ": " + status.message()});
      }
    }
  }
  return first;
}

}  // namespace flyover
