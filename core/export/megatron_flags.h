// Megatron-LM's flags as its parser sees them: names, how many values each takes, and which are
// numbers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace caracal::exporter {

class MegatronFlags {
 public:
  // Refuses flags that no export writes (abbreviations too), missing and surplus values, and values
  // that are not whole numbers where the parser wants one. Of a repeated flag the last counts.
  static Result<MegatronFlags> parse(const std::vector<std::string>& arguments);

  bool has(const std::string& flag) const { return m_values.contains(flag); }
  std::string text(const std::string& flag) const;  // empty when the flag is absent
  std::vector<std::string> texts(const std::string& flag) const;
  int64_t number(const std::string& flag, int64_t fallback) const;

 private:
  std::map<std::string, std::vector<std::string>> m_values;
};

}  // namespace caracal::exporter
