#include "common/namespace/scoped_namespace.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace flyover {
namespace {

int Shell(const std::string& command) { return std::system(command.c_str()); }

std::string Quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace

ScopedNamespace::ScopedNamespace(const std::string& stem)
    : name_(stem + "-" + std::to_string(getpid())) {
  // Test runners leave out the directories of ip, sysctl and ethtool.
  setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
  if (Shell("ip netns add " + name_ + " && ip -n " + name_ + " link set lo up") != 0) {
    std::fprintf(stderr, "network namespace %s could not be made (root is needed)\n",
                 name_.c_str());
    std::abort();
  }
}

ScopedNamespace::~ScopedNamespace() { Shell("ip netns del " + name_); }

bool ScopedNamespace::Run(const std::string& command) const {
  return Shell("ip netns exec " + name_ + " sh -c " + Quoted(command)) == 0;
}

std::string ScopedNamespace::Output(const std::string& command) const {
  const std::string whole = "ip netns exec " + name_ + " sh -c " + Quoted(command);
  FILE* const pipe = popen(whole.c_str(), "r");
  if (pipe == nullptr) return {};
  std::string output;
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof(buffer), pipe)) != 0;) output.append(buffer, n);
  pclose(pipe);
  return output;
}

void ScopedNamespace::IpBatch(const std::string& lines) const {
  FILE* const pipe = popen(("ip -n " + name_ + " -force -batch - 2>/dev/null").c_str(), "w");
  if (pipe == nullptr) return;
  fwrite(lines.data(), 1, lines.size(), pipe);
  pclose(pipe);
}

}  // namespace flyover
