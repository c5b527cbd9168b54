// Programs as text rows, so that tests read like a schedule.
#pragma once

#include <string>

#include "core/plan/program.h"
#include "core/plan/stage_shape.h"

namespace caracal::test {

inline std::string idOf(const profile::Profile& profile, int32_t layer, int16_t op) {
  if (op < -1) return "d" + idOf(profile, layer, plan::operatorOfGradient({layer, op, 0}));
  if (op == -1) return "input";
  const auto& operators = layer == plan::kFirstEnd  ? profile.first.operators
                          : layer == plan::kLastEnd ? profile.last.operators
                                                    : profile.kindOf(layer).operators;
  return operators[static_cast<size_t>(op)].id;
}

// "recv ln1 [tp_attn ln1'0 ] ~act": forward, collective start, recomputation of micro-batch 0,
// wait, backward; *fc1 is a weight gradient.
inline std::string drawItem(const profile::Profile& profile, const plan::Item& item) {
  using plan::Action;
  const std::string id = item.layer == -3 ? "" : idOf(profile, item.layer, item.op);
  switch (item.action) {
    case Action::kForward:
      return id;
    case Action::kBackward:
      return "~" + id;
    case Action::kRecompute:
      return id + "'" + std::to_string(item.microBatch);
    case Action::kCollectiveStart:
      if (item.window == plan::kRepeatedCollective)
        return "[" + id + "'" + std::to_string(item.microBatch);
      if (item.window < 0) return "[" + id;
      return "[" + profile.kindOf(item.layer).windows[static_cast<size_t>(item.window)].id;
    case Action::kCollectiveWait:
      return "]";
    case Action::kRecvForward:
    case Action::kRecvBackward:
      return "recv";
    case Action::kSendForward:
    case Action::kSendBackward:
      return "send";
    case Action::kGradientReduce:
      return "reduce";
    case Action::kReduceStart:
      return "{" + std::string(item.layer < 0 ? id : std::to_string(item.layer));
    case Action::kReduceWait:
      return "}";
    case Action::kOffloadStart:
      return "v" + id;
    case Action::kFetchStart:
      return "^" + id;
    case Action::kOffloadWait:
    case Action::kFetchWait:
      return "|" + id;
    case Action::kOptimizer:
      return "optimizer";
    case Action::kWeightGradient:
      return "*" + id;
  }
  return "?";
}

inline std::string passOf(const plan::Item& item) {
  if (item.pass == trace::Pass::kOptimizer) return "end";
  return std::string(trace::name(item.pass)) + std::to_string(item.passMicroBatch);
}

// "F0 F1 B0 F2 B1 B2 end"; on devices with several chunks "F0.3": of chunk 3.
inline std::string drawPasses(const plan::StageProgram& stage) {
  std::string row, current;
  for (const plan::Item& item : stage.items) {
    std::string pass = passOf(item);
    if (stage.chunks.size() > 1 && item.chunk >= 0) pass += "." + std::to_string(item.chunk);
    if (pass == current) continue;
    current = pass;
    row += (row.empty() ? "" : " ") + current;
  }
  return row;
}

enum class Draw { kItems, kReleases };

// The items of one pass in a row, each followed by what dies after it in (parentheses) when asked
// for.
inline std::string drawPass(const profile::Profile& profile, const plan::StageProgram& stage,
                            const std::string& pass, Draw what = Draw::kItems) {
  std::string row;
  for (const plan::Item& item : stage.items) {
    if (passOf(item) != pass) continue;
    row += (row.empty() ? "" : " ") + drawItem(profile, item);
    if (what == Draw::kItems || item.releaseBegin == item.releaseEnd) continue;
    std::string dead;
    for (uint32_t r = item.releaseBegin; r < item.releaseEnd; ++r) {
      const plan::TensorRef& tensor = stage.releases[r];
      dead += (dead.empty() ? "" : ",") + idOf(profile, tensor.layer, tensor.op);
      if (tensor.microBatch != item.passMicroBatch) dead += "@" + std::to_string(tensor.microBatch);
    }
    row += "(" + dead + ")";
  }
  return row;
}

}  // namespace caracal::test
