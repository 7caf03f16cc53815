#include "common/metrics/exporter.h"

#include <netdb.h>
#include <netinet/in.h>
#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/metric_family.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <exception>
#include <future>
#include <thread>
#include <utility>
#include <vector>

namespace flyover {
namespace {

std::vector<std::string> Split(std::string_view labels) {
  std::vector<std::string> names;
  while (!labels.empty()) {
    const size_t comma = labels.find(',');
    names.emplace_back(labels.substr(0, comma));
    labels = comma == std::string_view::npos ? std::string_view() : labels.substr(comma + 1);
  }
  return names;
}

class SnapshotCollectable : public prometheus::Collectable {
 public:
  explicit SnapshotCollectable(MetricsExporter::Source source) : source_(std::move(source)) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    std::vector<prometheus::MetricFamily> families;
    const auto snapshot = source_();
    if (!snapshot) return families;
    for (size_t id = 0; id < kMetricCount; ++id) {
      if (snapshot->samples[id].empty()) continue;
      const MetricInfo& info = kMetricFamilies[id];
      const std::vector<std::string> labels = Split(info.labels);
      prometheus::MetricFamily& family = families.emplace_back();
      family.name = info.name;
      family.help = info.help;
      family.type = info.type == MetricType::kCounter ? prometheus::MetricType::Counter
                                                      : prometheus::MetricType::Gauge;
      family.metric.reserve(snapshot->samples[id].size());
      for (const MetricSample& sample : snapshot->samples[id]) {
        prometheus::ClientMetric& metric = family.metric.emplace_back();
        for (size_t i = 0; i < labels.size(); ++i) {
          metric.label.push_back({labels[i], sample.label_values[i]});
        }
        metric.counter.value = sample.value;
        metric.gauge.value = sample.value;
      }
    }
    return families;
  }

 private:
  const MetricsExporter::Source source_;
};

struct Address {
  sockaddr_storage bytes{};
  socklen_t length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&bytes); }
};

Result<Address> ParseAddress(const std::string& listen) {
  const Status malformed(StatusCode::kInvalidArgument,
                         "metrics: '" + listen + "' is not address:port");
  const size_t colon = listen.rfind(':');
  if (colon == std::string::npos) return malformed;
  std::string host = listen.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), listen.substr(colon + 1).c_str(), &hints, &found) != 0) {
    return malformed;
  }
  Address address;
  std::memcpy(&address.bytes, found->ai_addr, found->ai_addrlen);
  address.length = found->ai_addrlen;
  freeaddrinfo(found);
  return address;
}

// Listens once and lets go again: the web server says only that it failed, the kernel says why.
Status ProbeAddress(const Address& address, const std::string& listen) {
  const int fd = socket(address.bytes.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  Status status;
  // listen() too: with SO_REUSEADDR two sockets may be bound, but not listen.
  if (fd < 0 || bind(fd, address.get(), address.length) != 0 || ::listen(fd, 1) != 0) {
    status = ErrnoStatus(
        errno == EADDRINUSE ? StatusCode::kAlreadyExists : StatusCode::kFailedPrecondition,
        "metrics: listen on " + listen, errno);
  }
  if (fd >= 0) close(fd);
  return status;
}

}  // namespace

struct MetricsExporter::Impl {
  std::shared_ptr<SnapshotCollectable> collectable;
  std::unique_ptr<prometheus::Exposer> exposer;
  NamespaceRunner runner;
  Address address;

  // Connects to ourselves and hangs up.
  Status Knock() const {
    const int fd = socket(address.bytes.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    [[maybe_unused]] const int rc = connect(fd, address.get(), address.length);
    if (fd >= 0) close(fd);
    return Status::Ok();
  }
};

MetricsExporter::MetricsExporter() : impl_(std::make_unique<Impl>()) {}

MetricsExporter::~MetricsExporter() {
  if (!impl_->exposer) return;
  // The web server looks for its end only every two seconds, or when somebody connects.
  std::promise<void> stopped;
  auto done = stopped.get_future();
  std::thread stopper([&] {
    impl_->exposer.reset();
    stopped.set_value();
  });
  const auto knock = [this] { return impl_->Knock(); };
  while (done.wait_for(std::chrono::milliseconds(20)) != std::future_status::ready) {
    // A namespace that is gone only costs the two seconds.
    [[maybe_unused]] const Status status = impl_->runner ? impl_->runner(knock) : knock();
  }
  stopper.join();
}

Result<std::unique_ptr<MetricsExporter>> MetricsExporter::Start(
    const MetricsExporterOptions& options, Source source, const NamespaceRunner& runner) {
  std::unique_ptr<MetricsExporter> exporter(new MetricsExporter());
  Impl& impl = *exporter->impl_;
  impl.collectable = std::make_shared<SnapshotCollectable>(std::move(source));
  impl.runner = runner;
  Result<Address> address = ParseAddress(options.listen);
  if (!address.ok()) return address.status();
  impl.address = *address;
  const auto open = [&impl, &options]() -> Status {
    if (Status probe = ProbeAddress(impl.address, options.listen); !probe.ok()) return probe;
    try {
      impl.exposer = std::make_unique<prometheus::Exposer>(std::vector<std::string>{
          "listening_ports", options.listen, "num_threads", std::to_string(options.threads),
          "request_timeout_ms", std::to_string(options.request_timeout.count()), "max_request_size",
          "8192"});
      impl.exposer->RegisterCollectable(impl.collectable);
      // With port 0 the kernel chose; knocking needs to know.
      const auto ports = impl.exposer->GetListeningPorts();
      const in_port_t port = htons(static_cast<in_port_t>(ports.empty() ? 0 : ports.front()));
      // The port is at the same place in both families' addresses.
      static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
      std::memcpy(reinterpret_cast<char*>(&impl.address.bytes) + offsetof(sockaddr_in, sin_port),
                  &port, sizeof(port));
    } catch (const std::exception& e) {
      return {StatusCode::kFailedPrecondition, "metrics: " + options.listen + ": " + e.what()};
    }
    return Status::Ok();
  };
  const Status status = runner ? runner(open) : open();
  if (!status.ok()) return status;
  return exporter;
}

int MetricsExporter::port() const {
  const auto ports = impl_->exposer->GetListeningPorts();
  return ports.empty() ? 0 : ports.front();
}

}  // namespace flyover
