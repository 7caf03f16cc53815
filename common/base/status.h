// The outcome of anything that can fail: a code for programs, a message for people.
#pragma once

#include <optional>
#include <string>
#include <utility>

namespace flyover {

enum class StatusCode {
  kOk,
  kInvalidArgument,  // the caller's value is wrong; the message says what is accepted
  kNotFound,
  kAlreadyExists,
  kFailedPrecondition,  // right request, wrong state
  kResourceExhausted,   // a table, pool or quota is full
  kPermissionDenied,
  kUnavailable,  // may work later
  kInternal,
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}
  static Status Ok() { return {}; }

  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

// `what` followed by the text of errno, e.g. "open /dev/net/tun: No such file or directory".
Status ErrnoStatus(StatusCode code, const std::string& what, int error);

// A T or the reason why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}          // NOLINT(google-explicit-constructor)
  Result(Status status) : status_(std::move(status)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }

  // REQUIRES: ok().
  T& value() & { return *value_; }
  const T& value() const& { return *value_; }
  T&& value() && { return *std::move(value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace flyover
