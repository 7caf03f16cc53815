// Linking this in starts DPDK once before the first test: no hugepages, no devices, no root.
#include <gtest/gtest.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <sched.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace {

// The first CPU that this process may use: DPDK pins its main thread.
int FirstCpu() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof(set), &set);
  int cpu = 0;
  while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &set)) ++cpu;
  return cpu;
}

// The main lcore and two that a test may launch, all on the same CPU.
std::string Lcores() {
  const std::string cpu = "@" + std::to_string(FirstCpu());
  return "0" + cpu + ",1" + cpu + ",2" + cpu;
}

class EalEnvironment : public ::testing::Environment {
 public:
  void SetUp() override {
    std::vector<std::string> args = {"test",
                                     "--no-huge",
                                     "--no-pci",
                                     "--no-shconf",
                                     "--no-telemetry",
                                     "-m",
                                     "256",
                                     "--log-level=*:error",
                                     "--lcores=" + Lcores(),
                                     "--file-prefix=flytest" + std::to_string(getpid())};
    std::vector<char*> argv;
    argv.reserve(args.size());
    for (std::string& arg : args) argv.push_back(arg.data());
    cpu_set_t before;
    sched_getaffinity(0, sizeof(before), &before);
    ASSERT_GE(rte_eal_init(static_cast<int>(argv.size()), argv.data()), 0)
        << rte_strerror(rte_errno);
    // Tests run side by side: none of them owns a CPU.
    sched_setaffinity(0, sizeof(before), &before);
  }
  void TearDown() override { rte_eal_cleanup(); }
};

const auto* const kEnvironment = ::testing::AddGlobalTestEnvironment(new EalEnvironment);

}  // namespace
