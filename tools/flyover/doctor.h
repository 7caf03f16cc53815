// `flyover doctor backend ADDRESS`: what is missing on a backend, found by probing it from here as
// the balancer and its clients would (lb/doctor).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "lb/doctor/backend_doctor.h"

namespace flyover {

// `document`: the running one, whose `health.namespace` is where backends are reached from.
Result<std::vector<lb::Examination>> RunDoctor(const std::string& document,
                                               const std::string& backend);

bool Healthy(const std::vector<lb::Examination>& all);
std::string RenderDoctor(const std::vector<lb::Examination>& all);
nlohmann::json DoctorJson(const std::vector<lb::Examination>& all);

}  // namespace flyover
