// One datagram each way between flyoverd and flyover-tap-holder (tap_holder_client.h has the
// protocol).
#pragma once

#include <string>

#include "common/base/status.h"
#include "common/tap/unique_fd.h"

namespace flyover {

inline constexpr size_t kHolderMessageBytes = 16384;

struct HolderMessage {
  std::string text;
  UniqueFd fd;  // none when invalid
};

// The address of a UNIX socket; an error when the path is too long for one.
Result<UniqueFd> BindHolderSocket(const std::string& path);
// kNotFound when nobody listens there.
Result<UniqueFd> ConnectHolderSocket(const std::string& path);

// `fd` below 0: none.
Status SendHolderMessage(int socket, const std::string& text, int fd);
// kUnavailable: the other side closed, or said nothing within the socket's receive timeout.
Result<HolderMessage> ReceiveHolderMessage(int socket);

}  // namespace flyover
