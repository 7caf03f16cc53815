#include "common/tap/holder_server.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <filesystem>

namespace flyover {
namespace {

// A client that stops in the middle must not stop the others: datagrams come whole, so this only
// bounds the sending of an answer.
constexpr timeval kClientTimeout{1, 0};
constexpr size_t kMaxName = 64;

bool Trusted(int client) {
  ucred peer{};
  socklen_t length = sizeof(peer);
  if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return false;
  return peer.uid == 0 || peer.uid == geteuid();
}

bool GoodName(const std::string& name) {
  return !name.empty() && name.size() <= kMaxName &&
         name.find_first_of(" \t\r\n") == std::string::npos && name.find('\0') == std::string::npos;
}

}  // namespace

Result<HolderServer> HolderServer::Listen(const std::string& socket_path) {
  std::error_code ignored;
  const auto directory = std::filesystem::path(socket_path).parent_path();
  if (!directory.empty()) std::filesystem::create_directories(directory, ignored);
  const mode_t mask = umask(0177);
  Result<UniqueFd> listener = BindHolderSocket(socket_path);
  if (listener.status().code() == StatusCode::kAlreadyExists &&
      ConnectHolderSocket(socket_path).status().code() == StatusCode::kNotFound) {
    unlink(socket_path.c_str());
    listener = BindHolderSocket(socket_path);
  }
  umask(mask);
  if (!listener.ok()) return listener.status();
  return HolderServer(std::move(*listener), socket_path);
}

HolderServer::~HolderServer() {
  if (listener_.valid()) unlink(path_.c_str());
}

Status HolderServer::Run() {
  while (!quit_) {
    std::vector<pollfd> polls{{listener_.get(), POLLIN, 0}};
    for (const UniqueFd& client : clients_) polls.push_back({client.get(), POLLIN, 0});
    if (poll(polls.data(), polls.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(StatusCode::kInternal, "poll", errno);
    }
    for (size_t i = polls.size() - 1; i > 0; --i) {
      if (polls[i].revents == 0 || Serve(polls[i].fd)) continue;
      clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(i) - 1);
    }
    if (polls[0].revents != 0) Accept();
  }
  unlink(path_.c_str());
  listener_.Reset();
  return Status::Ok();
}

void HolderServer::Accept() {
  UniqueFd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!client.valid() || !Trusted(client.get())) return;
  setsockopt(client.get(), SOL_SOCKET, SO_SNDTIMEO, &kClientTimeout, sizeof(kClientTimeout));
  setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &kClientTimeout, sizeof(kClientTimeout));
  // The oldest gives way: a daemon that was killed leaves no connection behind, so it is idle.
  if (clients_.size() >= kMaxClients) clients_.erase(clients_.begin());
  clients_.push_back(std::move(client));
}

bool HolderServer::Serve(int client) {
  Result<HolderMessage> message = ReceiveHolderMessage(client);
  if (!message.ok()) return false;
  // What is let go is closed before the client hears so.
  const std::string answer = Answer(std::move(*message));
  return SendHolderMessage(client, answer, -1).ok();
}

std::string HolderServer::Answer(HolderMessage message) {
  const size_t space = message.text.find(' ');
  const std::string verb = message.text.substr(0, space);
  const std::string name = space == std::string::npos ? "" : message.text.substr(space + 1);
  if (verb == "list" && name.empty()) {
    std::string answer = "ok";
    for (const auto& [held, fd] : held_) answer += " " + held;
    return answer;
  }
  if (verb == "quit" && name.empty()) {
    quit_ = true;
    return "ok";
  }
  if (verb == "release" && GoodName(name)) {
    return held_.erase(name) != 0 ? "ok" : "error not held: " + name;
  }
  if (verb == "hold" && GoodName(name)) {
    if (!message.fd.valid()) return "error no descriptor";
    if (held_.size() >= kMaxHeld && !held_.contains(name)) return "error too many are held";
    // The new one is in place before the old one goes: carrier never flickers.
    std::swap(held_[name], message.fd);
    return "ok";
  }
  return "error hold NAME, release NAME, list and quit are accepted";
}

}  // namespace flyover
