#include "tools/flyoverd/path/idle_wait.h"

#include <rte_epoll.h>
#include <rte_ethdev.h>
#include <sys/epoll.h>

#include <array>
#include <ctime>

namespace flyover {
namespace {

// Housekeeping of an idle lcore: held packets, ageing, the books when they are asked for.
constexpr timespec kLongSleep{.tv_sec = 0, .tv_nsec = 10'000'000};
// How often a queue is looked at that cannot say when it has a packet: oftener costs more of the
// core than an idle lcore may use, more rarely makes the first packet wait too long.
constexpr timespec kShortSleep{.tv_sec = 0, .tv_nsec = 350'000};

}  // namespace

IdleWait::IdleWait() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  blind_ = wakeup_.fd() < 0 || !epoll_.valid();
  events_.push_back({.fd = wakeup_.fd(), .events = POLLIN, .revents = 0});
  events_.push_back({.fd = epoll_.get(), .events = POLLIN, .revents = 0});
}

void IdleWait::Add(uint16_t dpdk_port, uint16_t queue, const RxEvent& event) {
  if (event.socket >= 0) {
    events_.push_back({.fd = event.socket, .events = POLLIN, .revents = 0});
  } else if (event.interrupt && rte_eth_dev_rx_intr_ctl_q(dpdk_port, queue, epoll_.get(),
                                                          RTE_INTR_EVENT_ADD, nullptr) == 0) {
    interrupts_.push_back({dpdk_port, queue});
  } else {
    blind_ = true;
  }
}

void IdleWait::ShortSleep() { nanosleep(&kShortSleep, nullptr); }

void IdleWait::Arm(bool on) {
  for (const Interrupt& i : interrupts_) {
    if (on) {
      rte_eth_dev_rx_intr_enable(i.dpdk_port, i.queue);
    } else {
      rte_eth_dev_rx_intr_disable(i.dpdk_port, i.queue);
    }
  }
}

void IdleWait::Wait() {
  if (blind_) return ShortSleep();
  if (ppoll(events_.data(), events_.size(), &kLongSleep, nullptr) <= 0) return;
  if (events_[kInterrupts].revents != 0) {
    std::array<rte_epoll_event, 8>
        taken;  // takes the interrupts back; which they are is all the same
    rte_epoll_wait(epoll_.get(), taken.data(), static_cast<int>(taken.size()), 0);
  }
  for (size_t i = kSockets; i < events_.size(); ++i) {
    // A device that is down or gone reports that at once, and for ever.
    if ((events_[i].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) return ShortSleep();
  }
}

}  // namespace flyover
