// Ranks that make the others wait, by the rule of Holistic Trace Analysis (HTA,
// `get_potential_stragglers`): the last long communication kernel of an iteration starts late on a
// straggler, because all ranks leave it together.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "core/analysis/comm_names.h"
#include "core/base/result.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

struct StragglerSample {
  int32_t rank = 0;
  int32_t iteration = 0;
  // (start - begin of the first iteration) / mean iteration time.
  double normalizedStart = 0;
  int64_t startNs = 0;
  bool candidate = false;  // among the kStragglerCandidates latest starts of its iteration
};

struct Stragglers {
  int64_t stream = 0;  // the stream and kernel whose duration differs most between ranks
  std::string kernel;
  std::vector<StragglerSample> samples;  // by iteration, then rank
};

inline constexpr size_t kStragglerCandidates = 2;  // HTA's num_candidates
// Communication kernels shorter than this share of the mean iteration are not looked at.
inline constexpr double kLongCommShare = 0.01;

// Fails with kCannotAnswer, in words: fewer than two ranks, no "ProfilerStep#N" annotations, or no
// kernel that long on two ranks. Iterations 0 and below are left out, as HTA does. Polls `stop`
// between tracks; what it then returns is not complete.
Result<Stragglers> findStragglers(const trace::Trace& trace, const CommNames& comm,
                                  const std::stop_token& stop = {});

}  // namespace caracal::analysis
