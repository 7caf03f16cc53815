#include "common/base/thread_cpus.h"

#include <pthread.h>
#include <sched.h>

namespace flyover {

void RunOn(std::span<const unsigned> cpus) {
  if (cpus.empty()) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const unsigned cpu : cpus) CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

}  // namespace flyover
