// Another program that is measured: a child whose output is read, and which is ended with us.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/tap/unique_fd.h"

namespace flyover {

class PeerProcess {
 public:
  explicit PeerProcess(std::string name) : name_(std::move(name)) {}
  // Ends it: end of file, then SIGTERM, within seconds.
  ~PeerProcess();
  PeerProcess(const PeerProcess&) = delete;
  PeerProcess& operator=(const PeerProcess&) = delete;

  // Its standard input and output are ours, line by line. The first argument is its program.
  Status Start(const std::vector<std::string>& arguments);
  Status Say(const std::string& text);
  // What it says up to and with `marker`. kUnavailable: it ended, or said nothing for 20 seconds;
  // the message has its last words.
  Result<std::string> ReadUntil(const std::string& marker);
  // Lets it run, or stand still: it must not take the CPU from what is measured in turn with it.
  void Continue() const;
  void Stop() const;
  pid_t pid() const { return child_; }

 private:
  const std::string name_;
  pid_t child_ = -1;
  UniqueFd to_, from_;
};

// EAL arguments of DPDK programs that do what a load's data plane does: frames of a pcap file again
// and again from port 0, port 1 takes everything.
std::vector<std::string> PeerEal(const std::string& prefix, const std::string& lcores,
                                 const std::string& pcap, bool hugepages);

}  // namespace flyover
