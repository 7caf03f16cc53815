// The whole document of one data plane as a value: parse -> validate all -> diff -> publish.
//
// Nothing here touches the machine: whether a device, group or namespace exists is seen at start,
// and the marks in the sections say where the value stands. Functions are pure and may run on any
// thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/config_error.h"
#include "common/config/dataplane_config.h"
#include "lb/config/lb_config.h"
#include "router/config/router_config.h"

namespace flyover {

struct Document {
  DataplaneConfig dataplane;
  std::vector<PortConfig> ports;  // PortIndex counts in this order, which is the document's
  KernelConfig kernel;
  router::RouterConfig router;
  lb::LbConfig lb;
  PuntConfig punt;
  MetricsConfig metrics;
  ControlConfig control;
  LogConfig log;

  // The control socket: `control.socket`, or control.sock in the data plane's folder.
  std::string ControlSocket() const;
  bool operator==(const Document&) const = default;
};

struct ParsedDocument {
  std::optional<Document> document;   // empty when there are errors
  std::vector<ConfigError> errors;    // in the order of the document
  std::vector<ConfigError> warnings;  // legal, but hardly meant
};

// `file_name` only names the document in messages. Any bytes are safe.
ParsedDocument ParseDocument(std::string_view text, const std::string& file_name);

// Reads at most the largest size that is accepted (common/config/yaml_tree.h) and parses it. A file
// that cannot be read is an error like any other, at line 0.
ParsedDocument LoadDocument(const std::string& path);

// The canonical form: every key, with its unit, defaults included. ParseDocument(ToYaml(d)) gives
// d.
std::string ToYaml(const Document& document);

}  // namespace flyover
