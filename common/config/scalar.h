// From one word of the document to a typed value.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/config/config_value.h"
#include "common/config/schema.h"

namespace flyover {

// REQUIRES: `schema` is a scalar type. `quoted`: it stood in quotes, so that it is text and no
// number. On failure `problem` says what is wrong with the text, but not what is accepted.
std::optional<ConfigValue::Scalar> ParseScalar(const Schema& schema, std::string_view text,
                                               bool quoted, std::string& problem);

bool IsScalar(Schema::Type type);

// Whether the whole of `text` fits the format.
bool Matches(const TextFormat& format, std::string_view text);

}  // namespace flyover
