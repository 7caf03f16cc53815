#include "common/dpdk/eal.h"

#include <rte_debug.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <sched.h>

#include <algorithm>
#include <fstream>

namespace flyover {
namespace {

constexpr char kHugepageDirectory[] = "/sys/kernel/mm/hugepages/hugepages-2048kB/";
constexpr uint32_t kHugepageMib = 2;

std::optional<uint64_t> ReadHugepageFile(const char* name) {
  std::ifstream file(std::string(kHugepageDirectory) + name);
  uint64_t value = 0;
  if (!(file >> value)) return std::nullopt;
  return value;
}

// Makes sure that `mib` of 2 MiB pages are free; raises the kernel's number of pages where that is
// allowed. An empty string: they are; else what is wrong.
std::string EnsureHugepages(uint32_t mib) {
  const uint64_t wanted = (mib + kHugepageMib - 1) / kHugepageMib;
  const auto free_pages = ReadHugepageFile("free_hugepages");
  const auto all_pages = ReadHugepageFile("nr_hugepages");
  if (!free_pages || !all_pages) return "the kernel has no 2 MiB hugepages";
  if (*free_pages >= wanted) return "";
  const uint64_t target = *all_pages + wanted - *free_pages;
  std::ofstream(std::string(kHugepageDirectory) + "nr_hugepages") << target << std::flush;
  const uint64_t now_free = ReadHugepageFile("free_hugepages").value_or(0);
  if (now_free >= wanted) return "";
  return std::to_string(wanted) + " hugepages of 2 MiB are needed and " + std::to_string(now_free) +
         " are free; to set them: echo " + std::to_string(target) + " > " + kHugepageDirectory +
         "nr_hugepages";
}

// "0@(0,5),1@1,2@2": lcore 0 is the control thread on all CPUs that no forwarding lcore uses.
std::string LcoreMap(const std::vector<unsigned>& lcore_cpus, bool main_on_lcore) {
  if (main_on_lcore) return "0@" + std::to_string(lcore_cpus.front());
  std::string control;
  const std::vector<unsigned> allowed = AllowedCpus();
  for (const unsigned cpu : allowed) {
    if (std::find(lcore_cpus.begin(), lcore_cpus.end(), cpu) != lcore_cpus.end()) continue;
    control += (control.empty() ? "" : ",") + std::to_string(cpu);
  }
  if (control.empty()) control = std::to_string(allowed.front());
  std::string map = "0@(" + control + ")";
  for (size_t i = 0; i < lcore_cpus.size(); ++i) {
    map += "," + std::to_string(i + 1) + "@" + std::to_string(lcore_cpus[i]);
  }
  return map;
}

}  // namespace

std::vector<unsigned> AllowedCpus() {
  std::vector<unsigned> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof(set), &set);
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

Result<std::vector<unsigned>> PlanLcores(const std::vector<unsigned>& given,
                                         std::optional<unsigned> count,
                                         const std::vector<unsigned>& allowed) {
  if (!given.empty()) {
    for (const unsigned cpu : given) {
      if (std::find(allowed.begin(), allowed.end(), cpu) == allowed.end()) {
        return Status(
            StatusCode::kInvalidArgument,
            "CPU " + std::to_string(cpu) + " is not there, or not allowed to this process");
      }
    }
    return given;
  }
  if (allowed.size() == 1) return std::vector<unsigned>{allowed.front()};
  const auto most = static_cast<unsigned>(allowed.size() - 1);
  if (count.value_or(0) > most) {
    return Status(StatusCode::kInvalidArgument,
                  std::to_string(*count) +
                      " lcores asked for, but with one CPU left to the kernel at most " +
                      std::to_string(most) + " can run");
  }
  const unsigned n = count.value_or(most);
  return std::vector<unsigned>(allowed.begin() + 1, allowed.begin() + 1 + n);
}

Result<EalReport> StartEal(const EalOptions& options) {
  EalReport report;
  if (options.hugepages != HugepageUse::kOff) {
    report.warning = EnsureHugepages(options.memory_mib);
    report.hugepages = report.warning.empty();
    if (!report.hugepages && options.hugepages == HugepageUse::kRequired) {
      return Status(StatusCode::kFailedPrecondition, report.warning);
    }
  }
  std::vector<std::string> args = {
      "flyoverd",       "--lcores=" + LcoreMap(options.lcore_cpus, options.main_on_lcore),
      "--main-lcore=0", "--file-prefix=" + options.file_prefix,
      "--no-telemetry", "--log-level=*:error"};
  if (report.hugepages) {
    args.emplace_back("--in-memory");
  } else {
    args.emplace_back("--no-huge");
    args.emplace_back("--no-shconf");
    args.emplace_back("-m");
    args.push_back(std::to_string(options.memory_mib));
  }
  if (options.pci_devices.empty()) args.emplace_back("--no-pci");
  for (const std::string& device : options.pci_devices) {
    args.emplace_back("-a");
    args.push_back(device);
  }
  std::vector<char*> argv;
  argv.reserve(args.size());
  for (std::string& arg : args) argv.push_back(arg.data());
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
    return Status(StatusCode::kInternal,
                  std::string("DPDK did not start: ") + rte_strerror(rte_errno));
  }
  return report;
}

void StopEal() { rte_eal_cleanup(); }

}  // namespace flyover
