#include "tools/decap/loader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "tools/decap/addresses.h"

namespace flyover::decap {
namespace {

constexpr char kProgramName[] = "flyover_decap";

// clang's object file of decap.bpf.c, brought in by the build.
alignas(8) constexpr unsigned char kObject[] = {
#include "tools/decap/decap_object.inc"
};

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  Fd& operator=(Fd&&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// What hangs on the interface now.
struct Attached {
  uint32_t id = 0;  // 0: nothing
  Mode mode = Mode::kNative;
  bool ours = false;
  std::array<uint32_t, 8> map_ids{};
  uint32_t map_count = 0;
};

StatusCode CodeOf(int error) {
  if (error == EPERM || error == EACCES) return StatusCode::kPermissionDenied;
  return StatusCode::kInternal;
}

// libbpf returns -errno.
Status BpfStatus(const std::string& what, int result) {
  return ErrnoStatus(CodeOf(-result), what, -result);
}

Result<int> Index(const std::string& interface) {
  const unsigned index = if_nametoindex(interface.c_str());
  if (index == 0) {
    return Status(StatusCode::kNotFound,
                  "no interface '" + interface + "' in this network namespace");
  }
  return static_cast<int>(index);
}

uint32_t FlagsOf(Mode mode) {
  return mode == Mode::kNative ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
}

Result<Attached> Query(int index) {
  LIBBPF_OPTS(bpf_xdp_query_opts, options);
  if (const int result = bpf_xdp_query(index, 0, &options); result != 0) {
    return BpfStatus("ask for the XDP program", result);
  }
  Attached attached;
  attached.id = options.drv_prog_id != 0 ? options.drv_prog_id : options.skb_prog_id;
  attached.mode = options.drv_prog_id != 0 ? Mode::kNative : Mode::kGeneric;
  if (attached.id == 0) return attached;

  const Fd program(bpf_prog_get_fd_by_id(attached.id));
  if (program.get() < 0) return BpfStatus("open the attached XDP program", program.get());
  bpf_prog_info info{};
  uint32_t length = sizeof(info);
  info.nr_map_ids = static_cast<uint32_t>(attached.map_ids.size());
  info.map_ids = reinterpret_cast<uintptr_t>(attached.map_ids.data());
  if (const int result = bpf_obj_get_info_by_fd(program.get(), &info, &length); result != 0) {
    return BpfStatus("describe the attached XDP program", result);
  }
  attached.ours = std::strncmp(info.name, kProgramName, sizeof(info.name)) == 0;
  attached.map_count = std::min(info.nr_map_ids, static_cast<uint32_t>(attached.map_ids.size()));
  return attached;
}

template <typename Key>
Status Fill(const bpf_object* object, const char* map, const std::vector<Key>& keys) {
  const int fd = bpf_object__find_map_fd_by_name(object, map);
  uint32_t place = 0;
  for (const Key& key : keys) {
    if (const int result = bpf_map_update_elem(fd, &key, &place, BPF_ANY); result != 0) {
      return BpfStatus(std::string("add an address to map ") + map, result);
    }
    ++place;
  }
  return Status::Ok();
}

template <typename Key>
std::vector<Key> Keys(int fd) {
  std::vector<Key> keys;
  Key key{};
  const Key* previous = nullptr;
  while (bpf_map_get_next_key(fd, previous, &key) == 0) {
    keys.push_back(key);
    previous = &keys.back();
    if (keys.size() > DECAP_MAX_ADDRESSES) break;
  }
  return keys;
}

Status ReadCounters(int fd, Report& report) {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) return BpfStatus("count the CPUs", cpus);
  std::vector<uint64_t> per_cpu(static_cast<size_t>(cpus));
  for (uint32_t i = 0; i < kDecapCounterCount; ++i) {
    if (const int result = bpf_map_lookup_elem(fd, &i, per_cpu.data()); result != 0) {
      return BpfStatus("read a counter", result);
    }
    for (const uint64_t value : per_cpu) report.counters[i] += value;
  }
  return Status::Ok();
}

// `places`: of the report's VIPs.
Status ReadVipCounts(int fd, const std::vector<uint32_t>& places, Report& report) {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) return BpfStatus("count the CPUs", cpus);
  std::vector<DecapVipCount> per_cpu(static_cast<size_t>(cpus));
  for (size_t i = 0; i < report.vips.size(); ++i) {
    if (const int result = bpf_map_lookup_elem(fd, &places[i], per_cpu.data()); result != 0) {
      return BpfStatus("read the count of a VIP", result);
    }
    for (const DecapVipCount& count : per_cpu) {
      report.vips[i].packets += count.packets;
      report.vips[i].bytes += count.bytes;
    }
  }
  return Status::Ok();
}

uint32_t DscpPlace(uint8_t dscp, const DecapAddress& vip) {
  return (IsIpv4(vip) ? 0u : DECAP_DSCPS) + dscp;
}

Status FillSettings(const bpf_object* object, const AttachRequest& request) {
  const uint32_t zero = 0;
  const uint32_t port = request.gue_port;
  const int ports = bpf_object__find_map_fd_by_name(object, "gue_port");
  if (const int result = bpf_map_update_elem(ports, &zero, &port, BPF_ANY); result != 0) {
    return BpfStatus("set the port of GUE", result);
  }
  const int fd = bpf_object__find_map_fd_by_name(object, "dscps");
  for (const auto& [dscp, vip] : request.dscps) {
    const uint32_t place = DscpPlace(dscp, vip);
    if (const int result = bpf_map_update_elem(fd, &place, &vip, BPF_ANY); result != 0) {
      return BpfStatus("set the VIP of a DSCP", result);
    }
  }
  return Status::Ok();
}

Status ReadDscps(int fd, Report& report) {
  for (uint32_t place = 0; place < DECAP_DSCP_PLACES; ++place) {
    DecapAddress vip{};
    if (const int result = bpf_map_lookup_elem(fd, &place, &vip); result != 0) {
      return BpfStatus("read the VIP of a DSCP", result);
    }
    const bool given = std::any_of(std::begin(vip.bytes), std::end(vip.bytes),
                                   [](uint8_t byte) { return byte != 0; });
    if (given) report.dscps.emplace_back(static_cast<uint8_t>(place % DECAP_DSCPS), vip);
  }
  return Status::Ok();
}

Status NotAttached(const std::string& interface, const Attached& attached) {
  if (attached.id == 0) {
    return {StatusCode::kNotFound, "flyover-decap is not attached to '" + interface + "'"};
  }
  return {StatusCode::kFailedPrecondition,
          "the XDP program on '" + interface + "' is not flyover-decap"};
}

std::string AttachAdvice(const AttachRequest& request, int error) {
  std::string what = "attach to '" + request.interface + "'";
  if (request.mode == Mode::kNative &&
      (error == EOPNOTSUPP || error == ERANGE || error == EINVAL)) {
    what +=
        " in native mode (the driver or the interface's MTU does not allow it; try --mode generic)";
  }
  return what;
}

}  // namespace

Status Attach(const AttachRequest& request) {
  Result<int> index = Index(request.interface);
  if (!index.ok()) return index.status();
  Result<Attached> before = Query(*index);
  if (!before.ok()) return before.status();
  if (before->id != 0 && !before->ours) return NotAttached(request.interface, *before);

  LIBBPF_OPTS(bpf_object_open_opts, open_options, .object_name = kProgramName);
  const std::unique_ptr<bpf_object, decltype(&bpf_object__close)> object(
      bpf_object__open_mem(kObject, sizeof(kObject), &open_options), &bpf_object__close);
  if (object == nullptr) return ErrnoStatus(StatusCode::kInternal, "open the eBPF object", errno);
  if (const int result = bpf_object__load(object.get()); result != 0) {
    return BpfStatus("load the eBPF program", result);
  }
  if (Status s = Fill(object.get(), "addresses", request.addresses); !s.ok()) return s;
  if (Status s = Fill(object.get(), "vips", request.vips); !s.ok()) return s;
  if (Status s = FillSettings(object.get(), request); !s.ok()) return s;

  const int program = bpf_program__fd(bpf_object__find_program_by_name(object.get(), kProgramName));
  // A change of mode cannot be a replacement: the kernel allows only one mode at a time.
  if (before->id != 0 && before->mode != request.mode) {
    if (Status s = Detach(request.interface); !s.ok()) return s;
    before->id = 0;
  }
  const uint32_t flags =
      FlagsOf(request.mode) | (before->id == 0 ? XDP_FLAGS_UPDATE_IF_NOEXIST : 0U);
  if (const int result = bpf_xdp_attach(*index, program, flags, nullptr); result != 0) {
    return ErrnoStatus(CodeOf(-result) == StatusCode::kPermissionDenied
                           ? StatusCode::kPermissionDenied
                           : StatusCode::kFailedPrecondition,
                       AttachAdvice(request, -result), -result);
  }
  return Status::Ok();
}

Status Detach(const std::string& interface) {
  Result<int> index = Index(interface);
  if (!index.ok()) return index.status();
  Result<Attached> attached = Query(*index);
  if (!attached.ok()) return attached.status();
  if (!attached->ours) return NotAttached(interface, *attached);
  if (const int result = bpf_xdp_detach(*index, FlagsOf(attached->mode), nullptr); result != 0) {
    return BpfStatus("detach from '" + interface + "'", result);
  }
  return Status::Ok();
}

Result<Report> Read(const std::string& interface) {
  Result<int> index = Index(interface);
  if (!index.ok()) return index.status();
  Result<Attached> attached = Query(*index);
  if (!attached.ok()) return attached.status();
  if (!attached->ours) return NotAttached(interface, *attached);

  Report report;
  report.mode = attached->mode;
  std::vector<uint32_t> vip_places;
  std::optional<Fd> vip_counts;  // read last: the places are in another map
  for (uint32_t i = 0; i < attached->map_count; ++i) {
    const Fd map(bpf_map_get_fd_by_id(attached->map_ids[i]));
    if (map.get() < 0) return BpfStatus("open a map", map.get());
    bpf_map_info info{};
    uint32_t length = sizeof(info);
    if (const int result = bpf_obj_get_info_by_fd(map.get(), &info, &length); result != 0) {
      return BpfStatus("describe a map", result);
    }
    const std::string_view name(info.name, strnlen(info.name, sizeof(info.name)));
    if (name == "counters") {
      if (Status s = ReadCounters(map.get(), report); !s.ok()) return s;
    } else if (name == "dscps") {
      if (Status s = ReadDscps(map.get(), report); !s.ok()) return s;
    } else if (name == "gue_port") {
      const uint32_t zero = 0;
      uint32_t port = 0;
      if (const int result = bpf_map_lookup_elem(map.get(), &zero, &port); result != 0) {
        return BpfStatus("read the port of GUE", result);
      }
      report.gue_port = static_cast<uint16_t>(port);
    } else if (name == "addresses") {
      report.addresses = Keys<DecapAddress>(map.get());
    } else if (name == "vips") {
      for (const DecapPrefix& prefix : Keys<DecapPrefix>(map.get())) {
        uint32_t place = 0;
        if (const int result = bpf_map_lookup_elem(map.get(), &prefix, &place); result != 0) {
          return BpfStatus("read a VIP", result);
        }
        report.vips.push_back({prefix});
        vip_places.push_back(place);
      }
    } else if (name == "vip_counts") {
      vip_counts.emplace(bpf_map_get_fd_by_id(attached->map_ids[i]));
    }
  }
  if (vip_counts) {
    if (Status s = ReadVipCounts(vip_counts->get(), vip_places, report); !s.ok()) return s;
  }
  return report;
}

}  // namespace flyover::decap
