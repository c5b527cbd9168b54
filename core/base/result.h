// Result<T>: how everything that a user's file, device, limit or choice can cause is reported.
//
// A function that can fail for such a reason returns Result<T>; broken invariants of our own are
// asserts. Cancellation is an error of its own code, so that callers can stay silent about it.
#pragma once

#include <fmt/format.h>

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace caracal {

enum class ErrorCode {
  kInvalidInput,  // the content is not what it should be: say where and what to do
  kNotFound,      // a file, rank, stage, ... that was named does not exist
  kIo,            // the system refused a read or write
  kUnsupported,   // well formed, but not something this version does
  kInfeasible,    // no answer exists under the given limits
  kCannotAnswer,  // the input does not hold what the question needs
  kCancelled,     // the caller asked to stop
  kOutOfMemory,
};

struct Error {
  ErrorCode code = ErrorCode::kInvalidInput;
  std::string message;  // what happened and what to do next, one sentence or two
  std::string where;    // file, and the place inside it; empty when there is none

  bool operator==(const Error&) const = default;
  // "where: message", or the message alone.
  std::string text() const { return where.empty() ? message : where + ": " + message; }
};

template <class T>
using Result = tl::expected<T, Error>;

// fail(code, "format {}", args...): an Error ready to be returned.
template <class... Args>
tl::unexpected<Error> fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected(Error{code, fmt::format(format, std::forward<Args>(args)...), {}});
}

// Adds the place an error belongs to when it crosses a layer: "file.json" in front of "event 12".
inline Error at(Error error, const std::string& place) {
  error.where = error.where.empty() ? place : place + ": " + error.where;
  return error;
}

}  // namespace caracal

// CARACAL_TRY(name, expression): binds the value or returns the error.
#define CARACAL_TRY(name, expression)                             \
  auto name##Result = (expression);                               \
  if (!name##Result) return tl::unexpected(name##Result.error()); \
  auto& name = *name##Result

// CARACAL_CHECK_OK(expression): for Result<void>; returns the error.
#define CARACAL_CHECK_OK(expression)                       \
  do {                                                     \
    if (auto caracalStatus = (expression); !caracalStatus) \
      return tl::unexpected(caracalStatus.error());        \
  } while (false)
