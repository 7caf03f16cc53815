// Packets and bytes of services, added up while packets of one follow each other: adding to one
// place of memory again and again would wait for the store before.
//
// Threads: the lcore of the counters.
#pragma once

#include <cstdint>

#include "lb/service/lb_counters.h"

namespace flyover::lb {

class ServiceCount {
 public:
  explicit ServiceCount(LbCounters& counters) : counters_(counters) {}
  ~ServiceCount() { Flush(); }
  ServiceCount(const ServiceCount&) = delete;
  ServiceCount& operator=(const ServiceCount&) = delete;

  void Add(ServiceId service, uint16_t bytes) {
    if (service != service_) {
      Flush();
      service_ = service;
    }
    ++packets_;
    bytes_ += bytes;
  }

 private:
  void Flush() {
    if (packets_ == 0) return;
    FlowCounters& of = counters_.service(service_);
    of.packets.Add(packets_);
    of.bytes.Add(bytes_);
    packets_ = bytes_ = 0;
  }

  LbCounters& counters_;
  ServiceId service_ = kNoService;
  uint64_t packets_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace flyover::lb
