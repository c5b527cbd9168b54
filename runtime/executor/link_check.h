// Whether emulated links kept to the time that was asked of them, transfer by transfer: what
// OperatorRow::askedNs and transferNs say of those whose end somebody waited for on the wall clock.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/recording/recording.h"

namespace caracal::executor {

// Of the transfers of one link; ratios are achieved over asked time, to 0.001.
struct LinkFigures {
  std::string link;  // "tensor", "pipeline", "data"
  int64_t transfers = 0;
  double medianRatio = 1;
  double worstRatio = 1;
};

class LinkCheck {
 public:
  void add(const recording::StepRecords& records);
  // Of links that had transfers.
  std::vector<LinkFigures> figures() const;

 private:
  using Ratios = std::map<int64_t, int64_t>;  // transfers by ratio, in thousandths
  std::map<std::string, Ratios> m_ratiosOf;   // by lane
};

// Under which a recording's meta table holds them: "linkTransfers.tensor",
// "linkMedianRatio.tensor", "linkWorstRatio.tensor".
std::map<std::string, std::string> metaOf(const std::vector<LinkFigures>& links);

// The median may be off by so much before a run warns of it.
inline constexpr double kMostLinkError = 0.05;

}  // namespace caracal::executor
