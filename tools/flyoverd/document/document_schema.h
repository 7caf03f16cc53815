// The description of the whole document, composed of the sections'.
#pragma once

#include "common/config/schema.h"

namespace flyover {

Schema DocumentSchema();

}  // namespace flyover
