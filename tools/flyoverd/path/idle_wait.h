// How an idle lcore sleeps until a packet comes.
//
// Where each of its queues can say that a packet is there (by a receive interrupt, or a socket that
// can be polled), it waits for that, for the wake-up by other threads that fill its rings, and at
// most for 10 ms, since there is housekeeping. Where one of its queues cannot, it looks for itself,
// after short sleeps.
//
// Threads: the lcore's own, but for Add, which belongs to the control thread before the lcore runs.
#pragma once

#include <poll.h>

#include <cstdint>
#include <vector>

#include "common/datapath/wakeup.h"
#include "common/dpdk/port.h"
#include "common/tap/unique_fd.h"

namespace flyover {

class IdleWait {
 public:
  IdleWait();

  // A receive queue of the lcore, on a started device.
  void Add(uint16_t dpdk_port, uint16_t queue, const RxEvent& event);

  Wakeup& wakeup() { return wakeup_; }

  // Sleeps unless `look`, which is called when all who bring packets have been told to wake this
  // thread, finds one.
  template <typename Look>
  void Sleep(Look look) {
    wakeup_.Announce();
    Arm(true);
    if (!look()) Wait();
    Arm(false);
    wakeup_.Awake();
  }

 private:
  struct Interrupt {
    uint16_t dpdk_port;
    uint16_t queue;
  };

  void ShortSleep();
  void Arm(bool on);
  void Wait();

  // What is polled first, in this order; the sockets of queues follow.
  enum : size_t { kWakeup, kInterrupts, kSockets };

  Wakeup wakeup_;
  UniqueFd epoll_;  // of DPDK's receive interrupts
  std::vector<pollfd> events_;
  std::vector<Interrupt> interrupts_;  // to be armed before each sleep
  bool blind_ = false;                 // some queue can say nothing
};

}  // namespace flyover
