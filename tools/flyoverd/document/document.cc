#include "tools/flyoverd/document/document.h"

#include "common/config/config_report.h"
#include "common/config/machine_reader.h"
#include "common/config/machine_writer.h"
#include "common/config/schema_check.h"
#include "common/config/yaml_tree.h"
#include "lb/config/lb_reader.h"
#include "router/config/router_reader.h"
#include "router/config/vrf_reader.h"
#include "tools/flyoverd/document/document_check.h"
#include "tools/flyoverd/document/document_schema.h"

namespace flyover {

std::string Document::ControlSocket() const {
  return control.socket.empty() ? dataplane.Directory() + "/control.sock" : control.socket;
}

ParsedDocument ParseDocument(std::string_view text, const std::string& file_name) {
  static const Schema kSchema = DocumentSchema();
  ConfigReport report(file_name);
  ParsedDocument parsed;
  if (const auto tree = ParseYaml(text, report)) {
    const ConfigValue root = CheckSchema(*tree, kSchema, report);
    Document document;
    document.dataplane = ReadDataplane(root, report);
    document.ports = ReadPorts(root, report);
    document.kernel = ReadKernel(root, report);
    document.router = router::ReadRouter(root, document.ports, report);
    document.lb = lb::ReadLb(root, document.ports, report);
    document.punt = ReadPunt(root);
    document.metrics = ReadMetrics(root, report);
    document.control = ReadControl(root, document.dataplane, report);
    document.log = ReadLog(root);
    CheckAddresses(root, report);
    if (report.ok()) parsed.document = std::move(document);
  }
  parsed.errors = report.Errors();
  parsed.warnings = report.Warnings();
  return parsed;
}

std::string ToYaml(const Document& document) {
  YamlWriter out;
  WriteDataplane(document.dataplane, out);
  WritePorts(document.ports, document.router.VrfNames(), out);
  WriteKernel(document.kernel, out);
  router::WriteVrfs(document.router.vrfs, out);
  router::WriteRoutes(document.router, document.ports, out);
  router::WriteRouter(document.router, out);
  lb::WriteServices(document.lb, out);
  lb::WriteBalancer(document.lb, out);
  lb::WriteHealth(document.lb, out);
  lb::WriteChanges(document.lb, out);
  WritePunt(document.punt, out);
  WriteMetrics(document.metrics, out);
  WriteControl(document.control, out);
  WriteLog(document.log, out);
  return out.text();
}

}  // namespace flyover
