#include "core/recorder/kernel_names.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <string_view>

namespace caracal::recorder {
namespace {

constexpr std::string_view kAnonymous = "(anonymous namespace)";

// Whether the bracket at `place` opens the parameter list, and not "(anonymous namespace)" or the
// name of "operator()".
bool opensParameters(std::string_view text, size_t place) {
  if (text.substr(place, kAnonymous.size()) == kAnonymous) return false;
  constexpr std::string_view kOperator = "operator";
  return place < kOperator.size() ||
         text.substr(place - kOperator.size(), kOperator.size()) != kOperator;
}

}  // namespace

std::string demangled(const std::string& symbol) {
  if (symbol.compare(0, 2, "_Z") != 0) return symbol;
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status), &std::free);
  return status == 0 && text ? std::string(text.get()) : symbol;
}

std::string shortName(const std::string& signature) {
  // One pass at template depth 0: the name starts after the last "::" or blank, and ends where
  // template arguments or parameters begin.
  size_t begin = 0, end = std::string::npos;
  int depth = 0;
  for (size_t i = 0; i < signature.size(); ++i) {
    const char c = signature[i];
    if (c == '<') {
      if (depth++ == 0) end = i;
    } else if (c == '>') {
      --depth;
    } else if (depth > 0) {
      continue;
    } else if (c == ':' || c == ' ') {
      begin = i + 1;
      end = std::string::npos;
    } else if (c == '(') {
      if (opensParameters(signature, i)) {
        if (end == std::string::npos) end = i;
        break;
      }
      i += signature.compare(i, kAnonymous.size(), kAnonymous) == 0 ? kAnonymous.size() - 1 : 1;
    }
  }
  const std::string name = signature.substr(begin, end == std::string::npos ? end : end - begin);
  return name.empty() ? signature : name;
}

}  // namespace caracal::recorder
