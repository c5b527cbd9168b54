// Turns a trace of kernels into one that shows the passes of micro-batches, where its annotations
// and launches tell them (pass_ranges.h).
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "core/analysis/comm_names.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

// Keys in Trace::meta() of a marked trace: how passes, stages and replicas were found.
inline constexpr const char* kPassesFromKey = "passesFrom";
inline constexpr const char* kStagesFromKey = "stagesFrom";

// A copy with a lane "passes" for each rank (docs/trace-conventions.md) and, at each GPU operation,
// pass, step, micro-batch, stage and chunk of the range that launched it; ranks get their stage,
// tensor and data index where they are known, meta the number of stages (stated_sizes.h). Sends and
// receives get none: they belong to two passes. A pass reaches from the first to the last
// computation kernel launched in its range, by the range's thread or by an autograd thread on its
// behalf: collectives between them are inside.
//
// `trace` itself when it has passes already, or when they cannot be told: whyNoPasses() says why;
// also once `stop` is requested, which is noticed within one track.
// REQUIRES: trace is not null.
std::shared_ptr<const trace::Trace> markPasses(std::shared_ptr<const trace::Trace> trace,
                                               const CommNames& comm,
                                               const std::stop_token& stop = {});

// In words, for a trace without passes; empty when markPasses() would find them.
std::string whyNoPasses(const trace::Trace& trace, const CommNames& comm,
                        const std::stop_token& stop = {});

}  // namespace caracal::analysis
