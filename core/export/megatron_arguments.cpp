#include "core/export/megatron_arguments.h"

#include "core/export/megatron_layout.h"

namespace caracal::exporter {
namespace {

using Arguments = std::vector<std::string>;

void append(Arguments& arguments, std::initializer_list<std::string> words) {
  arguments.insert(arguments.end(), words);
}

void appendRecompute(const MegatronRecompute& recompute, Arguments& arguments) {
  switch (recompute.granularity) {
    case MegatronGranularity::kNone:
      return;
    case MegatronGranularity::kSelective:
      append(arguments,
             {"--recompute-granularity", "selective", "--recompute-modules", "core_attn"});
      return;
    case MegatronGranularity::kBlock:
    case MegatronGranularity::kUniform:
      append(arguments, {"--recompute-granularity", "full", "--recompute-method",
                         recompute.granularity == MegatronGranularity::kBlock ? "block" : "uniform",
                         "--recompute-num-layers", std::to_string(recompute.layers)});
  }
}

}  // namespace

Arguments megatronArguments(const plan::Plan& plan, const MegatronRecompute& recompute) {
  const profile::ParallelShape& parallel = plan.parallel;
  const int64_t globalBatch = plan.model.microBatchSize * parallel.microBatches * parallel.data;
  Arguments arguments{"--tensor-model-parallel-size",
                      std::to_string(parallel.tensor),
                      "--pipeline-model-parallel-size",
                      std::to_string(parallel.pipeline),
                      "--micro-batch-size",
                      std::to_string(plan.model.microBatchSize),
                      "--global-batch-size",
                      std::to_string(globalBatch)};
  if (parallel.context > 1)
    append(arguments, {"--context-parallel-size", std::to_string(parallel.context)});
  if (parallel.sequenceParallel) append(arguments, {"--sequence-parallel"});
  if (parallel.reducesInBackward()) append(arguments, {"--overlap-grad-reduce"});
  if (parallel.pipeline > 1)
    append(arguments, {"--pipeline-model-parallel-layout", layoutText(plan.partition())});
  appendRecompute(recompute, arguments);
  return arguments;
}

}  // namespace caracal::exporter
