// Documents that are made from the descriptions, so that they cannot go stale: a test compares what
// these give with what is checked in. Pure functions.
#pragma once

#include <string>

#include "common/config/schema.h"

namespace flyover {

// config/reference.yaml: every key with its default, range and meaning; a document that is valid.
std::string ReferenceYaml(const Schema& document);

// config/flyover.schema.json: JSON Schema (draft 7) for editors.
std::string JsonSchema(const Schema& document);

// docs/configuration.md.
std::string ConfigurationMarkdown(const Schema& document);

// docs/counters.md: drop reasons, punt classes and punt reasons of common/datapath/reasons.h, and
// the metrics of common/metrics/families.h.
std::string CountersMarkdown();

}  // namespace flyover
