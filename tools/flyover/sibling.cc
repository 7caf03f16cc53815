#include "tools/flyover/sibling.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

namespace flyover {

Result<std::string> FindSibling(const std::string& name, const std::string& build_directory,
                                const std::string& directory, std::string_view path) {
  std::vector<std::string> candidates;
  if (!directory.empty()) {
    candidates.push_back(directory + "/" + name);
    candidates.push_back(directory + "/../" + build_directory + "/" + name);
  }
  while (!path.empty()) {
    const size_t colon = path.find(':');
    const std::string_view entry = path.substr(0, colon);
    if (entry.starts_with('/')) candidates.push_back(std::string(entry) + "/" + name);
    path = colon == std::string_view::npos ? std::string_view() : path.substr(colon + 1);
  }
  for (const std::string& candidate : candidates) {
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return Status(StatusCode::kNotFound,
                name + " is neither beside this command nor in PATH; install it there");
}

std::string OwnDirectory() {
  std::array<char, PATH_MAX> buffer{};
  const ssize_t n = readlink("/proc/self/exe", buffer.data(), buffer.size());
  if (n <= 0) return "";
  const std::string_view path(buffer.data(), static_cast<size_t>(n));
  return std::string(path.substr(0, path.rfind('/')));
}

Status Become(const std::string& program, const std::vector<std::string>& arguments) {
  std::vector<std::string> strings = {program};
  strings.insert(strings.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  argv.reserve(strings.size() + 1);
  for (std::string& string : strings) argv.push_back(string.data());
  argv.push_back(nullptr);
  execv(program.c_str(), argv.data());
  return ErrnoStatus(StatusCode::kUnavailable, program, errno);
}

}  // namespace flyover
