// config-doc: prints a generated document; `tools/config_doc/regenerate` writes them all.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "tools/config_doc/generators.h"
#include "tools/flyoverd/document/document_schema.h"

int main(int argc, char** argv) {
  const std::string what = argc == 2 ? argv[1] : "";
  std::string text;
  if (what == "reference") {
    text = flyover::ReferenceYaml(flyover::DocumentSchema());
  } else if (what == "schema") {
    text = flyover::JsonSchema(flyover::DocumentSchema());
  } else if (what == "markdown") {
    text = flyover::ConfigurationMarkdown(flyover::DocumentSchema());
  } else if (what == "counters") {
    text = flyover::CountersMarkdown();
  } else {
    std::fputs("usage: config-doc reference|schema|markdown|counters\n", stderr);
    return 2;
  }
  if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
    std::fprintf(stderr, "config-doc: cannot write: %s\n", std::strerror(errno));
    return 1;
  }
  return 0;
}
