// A plan of the balancer as an answer of the control socket.
#pragma once

#include <optional>

#include "common/base/quantity.h"
#include "common/control/results.h"
#include "lb/control/change_plan.h"

namespace flyover {

// Services that change nothing are counted only.
PlanResult ShowPlan(const lb::ChangePlan& plan, std::optional<HundredthsOfPercent> limit);

}  // namespace flyover
