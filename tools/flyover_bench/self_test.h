// Plants faults into the benchmark and looks whether it finds them.
#pragma once

namespace flyover {

// REQUIRES: EAL runs. Prints one line for each fault; true when all were found.
bool RunSelfTest();

}  // namespace flyover
