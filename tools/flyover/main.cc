#include <iostream>
#include <string>
#include <vector>

#include "tools/flyover/cli.h"
#include "tools/flyover/sibling.h"

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const int code = flyover::RunCli(arguments, flyover::OwnDirectory(), std::cout, std::cerr);
  std::cout.flush();
  if (!std::cout) {
    std::cerr << "flyover: cannot write the output\n";
    return flyover::kExitRefused;
  }
  return code;
}
