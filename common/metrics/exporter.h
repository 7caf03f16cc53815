// The Prometheus endpoint: GET /metrics over HTTP, served by prometheus-cpp's threads. exporter.cc
// is the only includer of prometheus-cpp.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "common/base/status.h"
#include "common/metrics/snapshot.h"

namespace flyover {

struct MetricsExporterOptions {
  std::string listen = "127.0.0.1:9142";  // "address:port", "[v6]:port"
  // Each stalled scraper holds a thread until the timeout (of a read or write without progress), so
  // a hundred of them delay others by one timeout. Threads are cheap here: 100 KiB of stack each.
  int threads = 64;
  std::chrono::milliseconds request_timeout{500};
};

class MetricsExporter {
 public:
  // Called by an HTTP thread for each scrape; must be thread-safe and quick. Null: an empty answer.
  using Source = std::function<std::shared_ptr<const MetricsSnapshot>()>;
  // Runs its argument in the network namespace of choice and returns its Status (a thread that did
  // setns). The listening socket belongs to that namespace for ever; the threads started there do
  // no other networking.
  using NamespaceRunner = std::function<Status(std::function<Status()>)>;

  // kAlreadyExists: the address is in use. Without a runner: the caller's own namespace.
  static Result<std::unique_ptr<MetricsExporter>> Start(const MetricsExporterOptions& options,
                                                        Source source,
                                                        const NamespaceRunner& runner = {});
  ~MetricsExporter();  // waits for scrapes in progress, at most request_timeout
  MetricsExporter(const MetricsExporter&) = delete;
  MetricsExporter& operator=(const MetricsExporter&) = delete;

  int port() const;  // the one chosen, when the options said 0

 private:
  MetricsExporter();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace flyover
