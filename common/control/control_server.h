// The daemon's side of the control socket (protocol.h). Local users only: the socket's mode lets in
// root, the daemon's own user and one group, and the peer's credentials are checked again at
// accept.
//
// A client cannot disturb the daemon: the number of clients, the length of a line, the time to
// complete one, the time to take an answer and the memory of waiting answers are bounded. One
// request of a client is worked on at a time; while it is, nothing more is read from that client.
// Descriptors that a client passes are never received.
//
// Threads: all of it on the loop's thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/control/event_loop.h"
#include "common/control/protocol.h"

namespace flyover {

// Who asks. The pid may be stale, the uid is not.
struct ControlCaller {
  uid_t uid = 0;
  pid_t pid = 0;
};

// The answer that a handler owes, to be given exactly once, now or later, on the loop's thread.
// Copies share one answer; later ones are ignored, as are those after the client left. When the
// last copy goes without an answer, the client is told of an internal error.
class ControlReply {
 public:
  struct State;
  explicit ControlReply(std::shared_ptr<State> state) : state_(std::move(state)) {}

  const ControlCaller& caller() const;
  void Ok(const nlohmann::json& result) const;
  void Fail(const Status& error) const;

 private:
  std::shared_ptr<State> state_;
};

// `args` is an object, valid during the call only.
using ControlHandler = std::function<void(const nlohmann::json& args, ControlReply reply)>;

struct ControlServerOptions {
  std::string path{};   // its directory must exist
  std::string group{};  // may use the socket besides root and the daemon's user; empty: nobody
  size_t max_clients = 64;
  size_t max_line = kMaxControlLine;
  size_t max_output = kMaxControlOutput;  // answers waiting to be taken, over all clients
  std::chrono::milliseconds line_timeout{
      5000};  // from accept or the last answer until a request is complete
  std::chrono::milliseconds reply_timeout{30000};  // for the handler
  std::chrono::milliseconds write_timeout{10000};  // for the client to take its answer
};

class ControlServer {
 public:
  // Refuses with kAlreadyExists when another process answers on the path; a socket file that nobody
  // answers on is replaced (the caller holds the data plane's lock file, so that two starts do not
  // race).
  static Result<std::unique_ptr<ControlServer>> Create(EventLoop& loop,
                                                       ControlServerOptions options);
  ~ControlServer();  // closes all clients, removes the socket file if it is still ours
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  void Register(std::string command, ControlHandler handler);

  size_t client_count() const;
  struct Counters {
    uint64_t accepted = 0;
    uint64_t refused = 0;  // over max_clients, or not allowed
    uint64_t requests = 0;
    uint64_t bad_requests = 0;  // not the protocol, or too long
    uint64_t timeouts = 0;      // line, reply or write
  };
  const Counters& counters() const;

 private:
  ControlServer();
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// Root, the daemon's own user, or a member of `group` (-1: no group).
struct PeerCredentials {
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t pid = 0;
  std::vector<gid_t> groups;
};
bool PeerAllowed(const PeerCredentials& peer, uid_t own_uid, gid_t group);

}  // namespace flyover
