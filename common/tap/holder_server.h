// The holder's own side: keeps descriptors by name and does nothing with them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/tap/holder_wire.h"
#include "common/tap/unique_fd.h"

namespace flyover {

class HolderServer {
 public:
  static constexpr size_t kMaxHeld = 256;
  static constexpr size_t kMaxClients = 8;

  // Listens at `socket_path`, mode 0600. The directory is made when it is not there. A socket that
  // nobody listens on any more is replaced; kAlreadyExists when somebody does.
  static Result<HolderServer> Listen(const std::string& socket_path);
  HolderServer(HolderServer&&) = default;
  ~HolderServer();

  // Serves until a client says "quit"; removes the socket. Only root and the holder's own user are
  // served.
  Status Run();

 private:
  HolderServer(UniqueFd listener, std::string path)
      : listener_(std::move(listener)), path_(std::move(path)) {}
  void Accept();
  // False when the client is to be closed.
  bool Serve(int client);
  std::string Answer(HolderMessage message);

  UniqueFd listener_;
  std::string path_;
  std::vector<UniqueFd> clients_;
  std::map<std::string, UniqueFd> held_;
  bool quit_ = false;
};

}  // namespace flyover
