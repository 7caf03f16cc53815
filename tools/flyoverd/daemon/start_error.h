// Why the daemon does not start, and where in the document the cause stands.
#pragma once

#include <string>

#include "common/base/status.h"
#include "common/config/dataplane_config.h"

namespace flyover {

struct StartError {
  DocumentMark mark;  // line 0: not the document's fault
  std::string path;   // "ports.wan.device"; may be empty
  std::string message;

  // "FILE:LINE:COLUMN: PATH: MESSAGE", as errors of the document look.
  std::string ToString() const {
    std::string text = mark.file.empty() ? "flyoverd" : mark.file;
    if (mark.line > 0) {
      text += ":" + std::to_string(mark.line) + ":" + std::to_string(mark.column);
    }
    return text + ": " + (path.empty() ? "" : path + ": ") + message;
  }
};

}  // namespace flyover
