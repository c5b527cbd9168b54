// One clock for all ranks: how far each rank's clock is off, found from operations that end
// together on several ranks (collectives; both sides of a transfer), and how well that fits.
//
// This is the only place that knows of clocks. alignClocks() makes a Trace on the common clock; all
// other analysis reads that one and compares times of ranks as they stand.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "core/analysis/collectives.h"
#include "core/analysis/robust_line.h"
#include "core/analysis/transfers.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

struct RankClock {
  uint32_t recording = 0;    // ranks of different recordings are never compared
  int64_t observations = 0;  // ends shared with other ranks; 0: nothing is known
  RobustLine offset;  // what to add to the rank's times to read them on the first rank's clock
  // Whether alignClocks() adds it. Ranks of one file or host share a clock and are left alone; else
  // an offset must exceed what the residuals leave open (and 50 us where hosts are unknown: ranks
  // do not leave a collective at the same instant).
  bool corrected = false;
  // Distance of this rank's ends from the middle of all members' ends, after correction.
  int64_t residualP50Ns = 0, residualP90Ns = 0, residualP99Ns = 0;
};

struct ClockModel {
  std::vector<RankClock> ranks;  // per rank index
  int64_t recordings = 1;
  std::vector<std::string> reasons;  // why there are several recordings
  // Differences between ranks below this cannot be told: in nine of ten observations the ends of
  // one operation lie within it, after correction. At least the resolution of the recordings; that
  // alone when nothing was observed.
  int64_t resolutionNs = 1;
  int64_t observations = 0;  // operations seen on several ranks
  bool anyCorrected() const;
};

// Polls `stop`; what it then returns is not complete.
ClockModel fitClocks(const trace::Trace& trace, const CollectiveMatching& collectives,
                     const TransferMatching& transfers, const std::stop_token& stop = {});

// The trace with corrected ranks moved onto the common clock; `trace` itself when none is. Counters
// and flows move with their rank; meta gets "clockCorrected" = number of ranks moved. `trace`
// itself once `stop` is requested.
std::shared_ptr<const trace::Trace> alignClocks(std::shared_ptr<const trace::Trace> trace,
                                                const ClockModel& clocks,
                                                const std::stop_token& stop = {});

}  // namespace caracal::analysis
