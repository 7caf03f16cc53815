// Which interface the caller's ssh session comes in by. Any thread; nothing is written.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

namespace flyover {

// SSH_CONNECTION of the process `pid` or of its nearest ancestor that has one ("CLIENT PORT SERVER
// PORT"): sudo and su take it out of the environment of what they start. Empty: no ssh session.
// `proc` is /proc.
std::string SshConnection(const std::filesystem::path& proc, pid_t pid);

// The interface that has the session's server address. Empty: none has.
std::string SshInterface(const std::string& connection);

// The interface that carries the address, or "".
std::string InterfaceOfAddress(const std::string& address);

}  // namespace flyover
