// Text for people, as printf makes it.
#pragma once

#include <string>

namespace flyover {

// At most 511 characters.
[[gnu::format(printf, 1, 2)]] std::string Format(const char* format, ...);

}  // namespace flyover
