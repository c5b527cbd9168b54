// PyTorch's autograd as a trace shows it: which operators are the backward of which, and where the
// engine ran them.
#pragma once

#include <cstdint>
#include <set>
#include <stop_token>
#include <vector>

#include "core/base/intervals.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

struct OperatorSpan {
  int64_t thread = -1;  // Track::id
  Span span;
};

struct AutogradLink {
  OperatorSpan forward;
  OperatorSpan backward;
};

struct Autograd {
  std::vector<AutogradLink> links;      // by begin of the forward operator
  std::vector<OperatorSpan> operators;  // "autograd::engine::evaluate_function: ...", by begin
  std::set<int64_t> threads;            // that ran backward operators
};

// One entry per rank index. Links out of recomputation, whose forward operator itself runs inside a
// backward one, are left out. Polls `stop` between tracks; what it then returns is not complete.
std::vector<Autograd> findAutograd(const trace::Trace& trace, const std::stop_token& stop = {});

}  // namespace caracal::analysis
