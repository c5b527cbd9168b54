#include "core/export/megatron_flags.h"

#include <charconv>

namespace caracal::exporter {
namespace {

enum class Takes : uint8_t { kNothing, kNumber, kText, kTexts };

const std::map<std::string, Takes>& knownFlags() {
  static const std::map<std::string, Takes> flags{
      {"--tensor-model-parallel-size", Takes::kNumber},
      {"--pipeline-model-parallel-size", Takes::kNumber},
      {"--micro-batch-size", Takes::kNumber},
      {"--global-batch-size", Takes::kNumber},
      {"--sequence-parallel", Takes::kNothing},
      {"--pipeline-model-parallel-layout", Takes::kText},
      {"--decoder-first-pipeline-num-layers", Takes::kNumber},
      {"--decoder-last-pipeline-num-layers", Takes::kNumber},
      {"--account-for-embedding-in-pipeline-split", Takes::kNothing},
      {"--account-for-loss-in-pipeline-split", Takes::kNothing},
      {"--num-layers-per-virtual-pipeline-stage", Takes::kNumber},
      {"--num-virtual-stages-per-pipeline-rank", Takes::kNumber},
      {"--recompute-granularity", Takes::kText},
      {"--recompute-method", Takes::kText},
      {"--recompute-num-layers", Takes::kNumber},
      {"--recompute-modules", Takes::kTexts},
      {"--distribute-saved-activations", Takes::kNothing},
      {"--use-distributed-optimizer", Takes::kNothing},
      {"--overlap-grad-reduce", Takes::kNothing},
      {"--overlap-param-gather", Takes::kNothing},
      {"--overlap-p2p-communication-warmup-flush", Takes::kNothing},
      {"--tp-comm-overlap", Takes::kNothing},
  };
  return flags;
}

Result<void> checkValues(const std::string& flag, Takes takes,
                         const std::vector<std::string>& values) {
  if (takes == Takes::kNothing && !values.empty())
    return fail(ErrorCode::kInvalidInput, "{} takes no value", flag);
  if (takes != Takes::kNothing && values.empty()) {
    return fail(ErrorCode::kInvalidInput, "{}: expected at least one argument", flag);
  }
  if ((takes == Takes::kNumber || takes == Takes::kText) && values.size() != 1) {
    return fail(ErrorCode::kInvalidInput, "{} takes one value", flag);
  }
  if (takes != Takes::kNumber) return {};
  int64_t value = 0;
  const char* end = values[0].data() + values[0].size();
  const auto parsed = std::from_chars(values[0].data(), end, value);
  if (parsed.ec == std::errc() && parsed.ptr == end) return {};
  return fail(ErrorCode::kInvalidInput, "{}: \"{}\" is not a whole number", flag, values[0]);
}

}  // namespace

Result<MegatronFlags> MegatronFlags::parse(const std::vector<std::string>& arguments) {
  MegatronFlags flags;
  for (size_t i = 0; i < arguments.size();) {
    const std::string& flag = arguments[i];
    const auto known = knownFlags().find(flag);
    if (known == knownFlags().end()) {
      return fail(ErrorCode::kInvalidInput,
                  "\"{}\" is not a flag that an export writes (abbreviations are not allowed)",
                  flag);
    }
    std::vector<std::string> values;
    for (++i; i < arguments.size() && !arguments[i].starts_with("--"); ++i)
      values.push_back(arguments[i]);
    CARACAL_CHECK_OK(checkValues(flag, known->second, values));
    flags.m_values[flag] = std::move(values);
  }
  return flags;
}

std::string MegatronFlags::text(const std::string& flag) const {
  return has(flag) ? m_values.at(flag).front() : std::string();
}

std::vector<std::string> MegatronFlags::texts(const std::string& flag) const {
  return has(flag) ? m_values.at(flag) : std::vector<std::string>();
}

int64_t MegatronFlags::number(const std::string& flag, int64_t fallback) const {
  if (!has(flag)) return fallback;
  const std::string& digits = m_values.at(flag).front();
  int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

}  // namespace caracal::exporter
