// The command `flyover`: one request to the daemon, its answer as a table or as JSON.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace flyover {

inline constexpr int kExitOk = 0;
inline constexpr int kExitRefused =
    1;  // the daemon refused or failed; document invalid; ledger off
inline constexpr int kExitUsage = 2;
inline constexpr int kExitNoDaemon = 3;
inline constexpr int kExitOverBudget = 4;  // plan: more would move than is allowed

// `arguments` without the program's name. Returns the exit code; `check` and `bench` replace the
// process by a program that lies in `directory`, where this one does, or in PATH.
int RunCli(const std::vector<std::string>& arguments, const std::string& directory,
           std::ostream& out, std::ostream& err);

}  // namespace flyover
