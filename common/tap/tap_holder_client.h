// The daemon's side of flyover-tap-holder: a small process that keeps a detached queue of every TAP
// open, so that carrier - and with it routes and BGP sessions - outlives the daemon's kill -9.
//
// Protocol: a UNIX SOCK_SEQPACKET socket; one datagram each way. "hold NAME" with one descriptor
// (SCM_RIGHTS), "release NAME", "list", "quit"; the answer is "ok", "ok NAME NAME ..." or
// "error TEXT".
//
// Threads: one at a time. Every call is bounded in time (kHolderTimeout).
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/tap/unique_fd.h"

namespace flyover {

inline constexpr std::chrono::milliseconds kHolderTimeout{3000};

// flyover-tap-holder beside the running executable, or in the sibling directory of a build tree;
// else the bare name, to be looked up in PATH.
std::string FindTapHolderBinary();

class TapHolderClient {
 public:
  // Connects to the holder at `socket_path`. kNotFound: nobody is there.
  static Result<TapHolderClient> Connect(const std::string& socket_path);
  // The same, but starts `binary` first where nobody is there. It makes the socket's directory,
  // leaves the caller's session, keeps none of the caller's descriptors and goes on when the caller
  // is killed.
  static Result<TapHolderClient> ConnectOrStart(const std::string& socket_path,
                                                const std::string& binary = FindTapHolderBinary());

  // Gives a duplicate of `fd`; one that is held under that name already is let go afterwards.
  Status Hold(const std::string& name, int fd);
  // kNotFound: nothing is held under that name.
  Status Release(const std::string& name);
  Result<std::vector<std::string>> List();
  // Ends the holder; returns when its socket is gone.
  Status Quit();

 private:
  TapHolderClient(UniqueFd socket, std::string path)
      : socket_(std::move(socket)), path_(std::move(path)) {}
  // The words behind "ok".
  Result<std::string> Call(const std::string& request, int fd);

  UniqueFd socket_;
  std::string path_;
};

// Removes the holder and the TAP devices `names` of the namespace for good: `flyoverd --teardown`.
// Devices that are no TAPs are left alone and reported; ones that are gone already are fine. All
// are tried; the first error is returned.
Status TeardownTaps(const std::string& network_namespace, const std::vector<std::string>& names,
                    const std::string& holder_socket_path);

}  // namespace flyover
