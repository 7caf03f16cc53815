// For tests that need root: a network namespace of their own, made and removed by `ip netns`.
#pragma once

#include <string>

namespace flyover {

class ScopedNamespace {
 public:
  // The name gets the process id behind it. REQUIRES: root.
  explicit ScopedNamespace(const std::string& stem);
  ~ScopedNamespace();
  ScopedNamespace(const ScopedNamespace&) = delete;
  ScopedNamespace& operator=(const ScopedNamespace&) = delete;

  const std::string& name() const { return name_; }
  // Runs a shell command inside. True: it exited 0.
  bool Run(const std::string& command) const;
  // What it wrote on stdout.
  std::string Output(const std::string& command) const;
  // Feeds `ip -batch`; lines that fail are skipped.
  void IpBatch(const std::string& lines) const;

 private:
  std::string name_;
};

}  // namespace flyover
