// Reads a long dump ahead of who takes it apart. The kernel does its half of a dump inside
// recvmsg(), so with a thread that does nothing but receive both halves run at the same time, where
// there is a CPU for it.
//
// Bounded: at most kBlocks datagrams wait. While it exists nobody else receives from the socket.
//
// Threads: one owner; the receiving thread is its own.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "common/netlink/datagram.h"
#include "common/netlink/message.h"

namespace flyover::netlink {

class ReadAhead {
 public:
  // `timeout` bounds each silence. `cpus`: where the thread may run; empty: where the caller may.
  ReadAhead(int fd, std::chrono::milliseconds timeout, std::span<const unsigned> cpus);
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // The next datagram, valid until the next call. None, with errno as of ReceiveDatagram: there was
  // an error, and nothing comes after it.
  std::optional<Bytes> Next();

 private:
  static constexpr size_t kBlocks = 16;
  struct Block {
    std::vector<uint8_t> bytes;
    ssize_t size = 0;  // -1: `error`
    int error = 0;
  };
  void Run(const std::vector<unsigned>& cpus);

  const int fd_;
  const std::chrono::milliseconds timeout_;
  const int stop_fd_;
  std::array<Block, kBlocks> blocks_;
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t received_ = 0, taken_ = 0;  // datagrams since the start
  bool lent_ = false;                // the caller still reads block `taken_`
  bool stop_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace flyover::netlink
