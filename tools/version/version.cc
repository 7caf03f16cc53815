#include "tools/version/version.h"

#include "tools/version/commit.h"

namespace flyover {

std::string_view Version() { return "0.1.0"; }
std::string_view Commit() { return FLYOVER_COMMIT; }

}  // namespace flyover
