#include "common/control/control_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "common/control/control_connection.h"
#include "common/control/control_socket.h"
#include "common/log/log.h"

namespace flyover {
namespace {

using nlohmann::json;

// A request holds a handful of arguments. Bounding its structure before parsing bounds the memory a
// line can take: 8 MiB of brackets would become half a gigabyte of values.
bool HasPlainStructure(std::string_view line) {
  constexpr int kMaxDepth = 16;
  constexpr int kMaxElements = 4096;
  int depth = 0;
  int elements = 0;
  bool in_string = false;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '[' || c == '{') ++depth, ++elements;
    if (c == ']' || c == '}') --depth;
    if (c == ',') ++elements;
    if (depth > kMaxDepth || elements > kMaxElements) return false;
  }
  return true;
}

struct Request {
  std::string command;
  json args = json::object();
};

Result<Request> ParseRequest(json& message) {
  const auto bad = [](std::string what) {
    return Status(StatusCode::kInvalidArgument, "request: " + std::move(what));
  };
  if (!message.is_object()) return bad("must be a JSON object");
  const auto version = message.find("v");
  if (version == message.end() || *version != kControlProtocolVersion) {
    return bad("protocol version (\"v\") must be " + std::to_string(kControlProtocolVersion));
  }
  const auto command = message.find("command");
  if (command == message.end() || !command->is_string()) {
    return bad("\"command\" must be a string");
  }
  Request request{.command = command->get<std::string>()};
  const auto args = message.find("args");
  if (args != message.end()) {
    if (!args->is_object()) return bad("\"args\" must be an object");
    request.args = std::move(*args);
  }
  return request;
}

}  // namespace

struct ControlReply::State {
  std::weak_ptr<void> server;  // ControlServer::Impl, while it lives
  std::function<void(const std::string& text, bool ok)> answer;
  ControlCaller caller;
  bool answered = false;

  void Answer(const std::string& text, bool ok) {
    if (std::exchange(answered, true)) return;
    if (const auto alive = server.lock()) answer(text, ok);
  }
  ~State() {
    if (!answered) {
      Answer(EncodeError({StatusCode::kInternal, "the daemon gave no answer to this command"}),
             false);
    }
  }
};

const ControlCaller& ControlReply::caller() const { return state_->caller; }
void ControlReply::Ok(const json& result) const { state_->Answer(EncodeResult(result), true); }
void ControlReply::Fail(const Status& error) const { state_->Answer(EncodeError(error), false); }

struct ControlServer::Impl : std::enable_shared_from_this<Impl> {
  struct Session {
    std::shared_ptr<ControlConnection> connection;
    ControlCaller caller;
    uint64_t request = 0;  // the one worked on; 0: none
    std::string command;
    EventLoop::Handle reply_timer;
  };

  EventLoop& loop;
  const ControlServerOptions options;
  const gid_t group;
  ControlSocket socket;
  EventLoop::Handle accept;
  EventLoop::Handle accept_pause;
  std::map<std::string, ControlHandler, std::less<>> handlers;
  std::map<uint64_t, Session> sessions;
  uint64_t next_id = 0;
  Counters counters;

  Impl(EventLoop& event_loop, ControlServerOptions server_options, gid_t gid,
       ControlSocket listening)
      : loop(event_loop),
        options(std::move(server_options)),
        group(gid),
        socket(std::move(listening)) {}

  void StartAccepting() {
    accept_pause = {};
    accept = loop.WatchFd(socket.fd(), {.read = true}, [this](FdEvents) { OnConnection(); });
  }

  void OnConnection() {
    constexpr int kPerTurn = 64;
    for (int i = 0; i < kPerTurn; ++i) {
      const int fd = accept4(socket.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) {
        if (errno == EAGAIN) return;
        if (errno == EINTR || errno == ECONNABORTED) continue;
        // No descriptors or memory: the listening socket would stay readable and spin the loop.
        LogLimited(LogArea::kControl, LogLevel::kWarn, "accept",
                   "cannot accept a control client: {}",
                   ErrnoStatus({}, "accept", errno).message());
        accept = {};
        accept_pause = loop.RunAfter(std::chrono::milliseconds(100), [this] { StartAccepting(); });
        return;
      }
      Admit(fd);
    }
  }

  void Admit(int fd) {
    const auto refuse = [&](const Status& why) {
      ++counters.refused;
      const std::string text = EncodeError(why) + "\n";
      [[maybe_unused]] const ssize_t n =
          send(fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      close(fd);
    };
    const auto peer = ReadPeerCredentials(fd);
    if (!peer || !PeerAllowed(*peer, geteuid(), group)) {
      LogLimited(LogArea::kControl, LogLevel::kWarn, "refused", "refused control client of uid {}",
                 peer ? static_cast<int64_t>(peer->uid) : -1);
      return refuse({StatusCode::kPermissionDenied, "not root and not in the control group"});
    }
    if (sessions.size() >= options.max_clients) {
      LogLimited(LogArea::kControl, LogLevel::kWarn, "full",
                 "refused a control client: {} are here", sessions.size());
      return refuse({StatusCode::kResourceExhausted, std::to_string(options.max_clients) +
                                                         " control clients are connected already"});
    }
    ++counters.accepted;
    const uint64_t id = ++next_id;
    Session& session = sessions[id];
    session.caller = {.uid = peer->uid, .pid = peer->pid};
    session.connection = ControlConnection::Open(
        loop, fd,
        {.max_line = options.max_line,
         .line_timeout = options.line_timeout,
         .write_timeout = options.write_timeout,
         .on_line = [this, id](std::string_view line) { OnLine(id, line); },
         .on_fault = [this, id](ControlConnection::Fault fault) { OnFault(id, fault); },
         .on_closed = [this, id] { sessions.erase(id); }});
  }

  void OnFault(uint64_t id, ControlConnection::Fault fault) {
    const auto it = sessions.find(id);
    if (it == sessions.end()) return;
    Status error;
    switch (fault) {
      case ControlConnection::Fault::kLineTooLong:
        ++counters.bad_requests;
        error = {StatusCode::kInvalidArgument,
                 "request is longer than " + std::to_string(options.max_line) + " bytes"};
        break;
      case ControlConnection::Fault::kLineTimeout:
        ++counters.timeouts;
        error = {StatusCode::kUnavailable,
                 "no complete request in " + std::to_string(options.line_timeout.count()) + " ms"};
        break;
      case ControlConnection::Fault::kWriteTimeout:
        ++counters.timeouts;
        LogLimited(LogArea::kControl, LogLevel::kWarn, "slow",
                   "control client of uid {} did not take its answer", it->second.caller.uid);
        return;
    }
    it->second.connection->Send(EncodeError(error) + "\n", true);
  }

  void OnLine(uint64_t id, std::string_view line) {
    const auto it = sessions.find(id);
    if (it == sessions.end()) return;
    Session& session = it->second;
    json message = HasPlainStructure(line) ? json::parse(line, nullptr, false)
                                           : json(json::value_t::discarded);
    if (message.is_discarded()) {
      ++counters.bad_requests;
      session.connection->Send(
          EncodeError({StatusCode::kInvalidArgument, "request: not a line of JSON"}) + "\n", true);
      return;
    }
    Result<Request> request = ParseRequest(message);
    const auto handler = request.ok() ? handlers.find(request->command) : handlers.end();
    if (handler == handlers.end()) {
      ++counters.bad_requests;
      const Status error = request.ok()
                               ? Status(StatusCode::kNotFound,
                                        "this daemon knows no command '" + request->command + "'")
                               : request.status();
      session.connection->Send(EncodeError(error) + "\n", false);
      return;
    }
    Dispatch(id, session, handler->second, *request);
  }

  void Dispatch(uint64_t id, Session& session, const ControlHandler& handler,
                const Request& request) {
    const uint64_t number = ++counters.requests;
    session.request = number;
    session.command = request.command;
    session.reply_timer = loop.RunAfter(options.reply_timeout, [this, id, number] {
      ++counters.timeouts;
      Answer(id, number, EncodeError({StatusCode::kUnavailable, "the daemon took too long"}),
             false);
    });
    auto state = std::make_shared<ControlReply::State>();
    state->server = weak_from_this();
    state->answer = [this, id, number](const std::string& text, bool ok) {
      Answer(id, number, text, ok);
    };
    state->caller = session.caller;
    const ControlReply reply(std::move(state));
    // The boundary for nlohmann's exceptions (an argument of another type than the handler reads).
    try {
      handler(request.args, reply);
    } catch (const std::exception& e) {
      reply.Fail({StatusCode::kInvalidArgument, request.command + ": " + e.what()});
    }
  }

  void Answer(uint64_t id, uint64_t number, const std::string& text, bool ok) {
    const auto it = sessions.find(id);
    if (it == sessions.end() || it->second.request != number) return;
    Session& session = it->second;
    session.request = 0;
    session.reply_timer = {};
    const bool reads_only = session.command.starts_with("show.");
    Log(LogArea::kControl, reads_only ? LogLevel::kDebug : LogLevel::kInfo,
        "{} by uid {} (pid {}): {}", session.command, session.caller.uid, session.caller.pid,
        ok ? "done" : "refused");
    size_t waiting = text.size();
    for (const auto& [other, s] : sessions) waiting += s.connection->pending_output();
    if (waiting > options.max_output) {
      const Status error(StatusCode::kResourceExhausted,
                         "the answer has " + std::to_string(text.size()) +
                             " bytes, too many; ask for less (limit)");
      session.connection->Send(EncodeError(error) + "\n", false);
      return;
    }
    session.connection->Send(text + "\n", false);
  }
};

ControlServer::ControlServer() = default;

ControlServer::~ControlServer() {
  // Replies that handlers still hold find the server gone.
  const auto impl = std::move(impl_);
  impl->accept = {};
  impl->sessions.clear();
}

Result<std::unique_ptr<ControlServer>> ControlServer::Create(EventLoop& loop,
                                                             ControlServerOptions options) {
  Result<gid_t> group = ResolveGroup(options.group);
  if (!group.ok()) return group.status();
  Result<ControlSocket> socket = ControlSocket::Listen(options.path, *group);
  if (!socket.ok()) return socket.status();
  std::unique_ptr<ControlServer> server(new ControlServer());
  server->impl_ =
      std::make_shared<Impl>(loop, std::move(options), *group, std::move(socket).value());
  server->impl_->StartAccepting();
  return server;
}

void ControlServer::Register(std::string command, ControlHandler handler) {
  impl_->handlers[std::move(command)] = std::move(handler);
}

size_t ControlServer::client_count() const { return impl_->sessions.size(); }
const ControlServer::Counters& ControlServer::counters() const { return impl_->counters; }

}  // namespace flyover
