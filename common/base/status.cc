#include "common/base/status.h"

#include <system_error>

namespace flyover {

Status ErrnoStatus(StatusCode code, const std::string& what, int error) {
  return Status(code, what + ": " + std::generic_category().message(error));
}

}  // namespace flyover
