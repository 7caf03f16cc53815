// A run as one HTML page: machine, headline, a plot of each level and of the stages, all samples.
// It needs nothing but itself: plots are SVG in the page, there are no scripts and no links.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace flyover {

// `run`: what ToJson made, with "headline" and "stages" if there are any.
std::string ToHtml(const nlohmann::json& run);

// &, <, > and quotes as entities.
std::string EscapeHtml(std::string_view text);

}  // namespace flyover
