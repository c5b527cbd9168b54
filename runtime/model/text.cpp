#include "runtime/model/text.h"

#include <array>
#include <string_view>

#include "core/base/files.h"
#include "runtime/kernels/philox.h"

namespace caracal::model {
namespace {

constexpr size_t kBuiltInBytes = 1 << 16;
constexpr uint64_t kBuiltInKey = 0xCA2ACA1ULL;
constexpr uint64_t kSampling = 0x5A3B1EULL;  // keeps these numbers apart from dropout's
constexpr std::array<std::string_view, 21> kNumbers{
    "zero",     "one",     "two",     "three",     "four",     "five",     "six",
    "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",   "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"};

}  // namespace

TextSource TextSource::builtIn() {
  TextSource source;
  source.m_name = "built-in";
  for (uint32_t n = 0; source.m_bytes.size() < kBuiltInBytes; ++n) {
    const kernels::PhiloxBlock words = kernels::philox({n, 0, 0, 0}, kBuiltInKey);
    const size_t a = words[0] % 11;
    const size_t b = words[1] % 11;
    const std::string line =
        fmt::format("{} plus {} is {}.\n", kNumbers[a], kNumbers[b], kNumbers[a + b]);
    source.m_bytes.insert(source.m_bytes.end(), line.begin(), line.end());
  }
  return source;
}

Result<TextSource> TextSource::open(const std::string& path, int64_t sequence) {
  CARACAL_TRY(content, readTextFile(path));
  TextSource source;
  source.m_name = path;
  source.m_bytes.assign(content.begin(), content.end());
  if (source.size() <= sequence) {
    return fail(ErrorCode::kInvalidInput,
                "\"{}\" holds {} bytes; a sequence of {} tokens needs at least {}", path,
                source.size(), sequence, sequence + 1);
  }
  return source;
}

TokenBatch TextSource::batch(const BatchRequest& request) const {
  TokenBatch result;
  const auto starts = static_cast<uint64_t>(size() - request.sequence);
  for (int64_t row = 0; row < request.batch; ++row) {
    const kernels::PhiloxBlock words = kernels::philox(
        {static_cast<uint32_t>(row), request.sample, request.step, 0}, request.seed ^ kSampling);
    const uint64_t start = ((uint64_t{words[0]} << 32) | words[1]) % starts;
    const auto begin = m_bytes.begin() + static_cast<int64_t>(start);
    result.inputs.insert(result.inputs.end(), begin, begin + request.sequence);
    result.targets.insert(result.targets.end(), begin + 1, begin + 1 + request.sequence);
  }
  return result;
}

}  // namespace caracal::model
