// One mistake of a document, in the form that editors can jump to.
#pragma once

#include <string>
#include <vector>

namespace flyover {

struct ConfigError {
  std::string file;
  int line = 0;         // 1-based; for a missing key, where the mapping that lacks it begins
  int column = 0;       // 1-based, in bytes
  std::string path;     // "services.web.port", "routes[1].via"; "document" for the whole
  std::string message;  // what is wrong; what is accepted

  // "FILE:LINE:COLUMN: PATH: MESSAGE"; line and column are left out when unknown (0).
  std::string ToString() const;
  bool operator==(const ConfigError&) const = default;
};

// All of them, one a line.
std::string ToString(const std::vector<ConfigError>& errors);

}  // namespace flyover
