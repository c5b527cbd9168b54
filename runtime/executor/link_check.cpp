#include "runtime/executor/link_check.h"

#include <fmt/format.h>

#include <utility>

namespace caracal::executor {
namespace {

constexpr std::pair<const char*, const char*> kLinkOfLane[] = {
    {"tp-comm", "tensor"}, {"pp-comm", "pipeline"}, {"dp-comm", "data"}};
constexpr int64_t kThousand = 1000;

}  // namespace

void LinkCheck::add(const recording::StepRecords& records) {
  for (const recording::OperatorRow& row : records.operators) {
    if (row.askedNs <= 0) continue;
    ++m_ratiosOf[row.lane][(kThousand * row.transferNs + row.askedNs / 2) / row.askedNs];
  }
}

std::vector<LinkFigures> LinkCheck::figures() const {
  std::vector<LinkFigures> figures;
  for (const auto& [lane, link] : kLinkOfLane) {
    const auto found = m_ratiosOf.find(lane);
    if (found == m_ratiosOf.end()) continue;
    LinkFigures& of = figures.emplace_back();
    of.link = link;
    for (const auto& [ratio, count] : found->second) of.transfers += count;
    int64_t below = 0;
    for (const auto& [ratio, count] : found->second) {
      const bool upperHalf = 2 * below >= of.transfers;
      if (!upperHalf) of.medianRatio = static_cast<double>(ratio) / kThousand;
      below += count;
      of.worstRatio = static_cast<double>(ratio) / kThousand;
    }
  }
  return figures;
}

std::map<std::string, std::string> metaOf(const std::vector<LinkFigures>& links) {
  std::map<std::string, std::string> meta;
  for (const LinkFigures& of : links) {
    meta["linkTransfers." + of.link] = std::to_string(of.transfers);
    meta["linkMedianRatio." + of.link] = fmt::format("{:.3f}", of.medianRatio);
    meta["linkWorstRatio." + of.link] = fmt::format("{:.3f}", of.worstRatio);
  }
  return meta;
}

}  // namespace caracal::executor
