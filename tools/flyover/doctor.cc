#include "tools/flyover/doctor.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "common/namespace/namespace.h"
#include "tools/flyover/table.h"
#include "tools/flyoverd/document/document.h"

namespace flyover {
namespace {

std::string_view Word(lb::Finding::Kind kind) {
  switch (kind) {
    case lb::Finding::Kind::kFault:
      return "fault";
    case lb::Finding::Kind::kNote:
      return "note";
    case lb::Finding::Kind::kGood:
      break;
  }
  return "good";
}

}  // namespace

Result<std::vector<lb::Examination>> RunDoctor(const std::string& document,
                                               const std::string& backend) {
  const ParsedDocument parsed = ParseDocument(document, "the running document");
  if (!parsed.document) {
    return Status(StatusCode::kInternal,
                  "the running document is not understood; is the daemon of another version?");
  }
  const auto address = IpAddress::Parse(backend);
  if (!address) {
    return Status(StatusCode::kInvalidArgument, "'" + backend + "' is not an IP address");
  }
  const lb::LbConfig& balancer = parsed.document->lb;
  return InNamespace(balancer.health_namespace,
                     [&] { return lb::ExamineBackend(balancer, *address); });
}

bool Healthy(const std::vector<lb::Examination>& all) {
  return std::ranges::all_of(all, &lb::Examination::healthy);
}

std::string RenderDoctor(const std::vector<lb::Examination>& all) {
  std::string text;
  for (const lb::Examination& one : all) {
    text += Printable(one.service) + ": " + Printable(one.backend) + ", " + one.way + "\n";
    for (const lb::Finding& finding : one.findings) {
      std::string word(Word(finding.kind));
      word.resize(sizeof("fault"), ' ');
      text += "  " + word + " " + Printable(finding.text) + "\n";
    }
  }
  return text;
}

nlohmann::json DoctorJson(const std::vector<lb::Examination>& all) {
  nlohmann::json services = nlohmann::json::array();
  for (const lb::Examination& one : all) {
    nlohmann::json findings = nlohmann::json::array();
    for (const lb::Finding& finding : one.findings) {
      findings.push_back({{"kind", Word(finding.kind)}, {"text", finding.text}});
    }
    services.push_back({{"service", one.service},
                        {"backend", one.backend},
                        {"way", one.way},
                        {"healthy", one.healthy()},
                        {"findings", std::move(findings)}});
  }
  return {{"healthy", Healthy(all)}, {"services", std::move(services)}};
}

}  // namespace flyover
