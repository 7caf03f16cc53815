// Where a thread runs.
#pragma once

#include <span>

namespace flyover {

// The calling thread, from now on, on these CPUs only. Does nothing for none.
void RunOn(std::span<const unsigned> cpus);

}  // namespace flyover
