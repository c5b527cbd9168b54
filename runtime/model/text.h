// Training text as bytes: a file, or a built-in text that is generated, so that a run needs no
// data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace caracal::model {

// One micro-batch: (batch, sequence) bytes, and for each the byte that follows it.
struct TokenBatch {
  std::vector<uint8_t> inputs;
  std::vector<uint8_t> targets;
};

// Which micro-batch of the run; equal requests get equal batches on every rank.
struct BatchRequest {
  uint64_t seed = 0;
  uint32_t step = 0;
  uint32_t sample = 0;  // micro-batch, counted over all data-parallel replicas
  int64_t batch = 1;
  int64_t sequence = 1;
};

class TextSource {
 public:
  // Additions in words ("two plus three is five."), the same on every machine.
  static TextSource builtIn();
  // REQUIRES nothing of the content; fails when the file cannot be read or has no more than
  // `sequence` bytes.
  static Result<TextSource> open(const std::string& path, int64_t sequence);

  TokenBatch batch(const BatchRequest& request) const;
  int64_t size() const { return static_cast<int64_t>(m_bytes.size()); }
  const std::string& name() const { return m_name; }  // the path, or "built-in"

 private:
  std::string m_name;
  std::vector<uint8_t> m_bytes;
};

}  // namespace caracal::model
