#include <algorithm>
#include <set>

#include "core/export/megatron_arguments.h"
#include "core/export/megatron_flags.h"
#include "core/export/megatron_layout.h"

namespace caracal::exporter {
namespace {

using Flags = MegatronFlags;

template <class... Args>
tl::unexpected<Error> refuse(fmt::format_string<Args...> format, Args&&... args) {
  return fail(ErrorCode::kInvalidInput, format, std::forward<Args>(args)...);
}

struct Sizes {
  int64_t tensor = 1, pipeline = 1, data = 1;
};

// Decoder layers of each stage, or of each chunk where stages are virtual.
struct Partition {
  std::vector<int64_t> layers;
  bool virtualStages = false;
};

Result<Sizes> checkSizes(const Flags& flags, const MegatronJob& job) {
  Sizes sizes;
  sizes.tensor = flags.number("--tensor-model-parallel-size", 1);
  sizes.pipeline = flags.number("--pipeline-model-parallel-size", 1);
  if (sizes.tensor < 1 || sizes.pipeline < 1) return refuse("parallel sizes must be positive");
  const int64_t modelRanks = sizes.tensor * sizes.pipeline;
  if (job.worldSize % modelRanks != 0) {
    return refuse("world size {} is not divisible by {} x {} model-parallel ranks", job.worldSize,
                  sizes.tensor, sizes.pipeline);
  }
  sizes.data = job.worldSize / modelRanks;
  const int64_t microBatch = flags.number("--micro-batch-size", 1);
  const int64_t globalBatch = flags.number("--global-batch-size", microBatch * sizes.data);
  if (microBatch < 1 || globalBatch < 1 || globalBatch % (microBatch * sizes.data) != 0) {
    return refuse(
        "global batch size {} is not divisible by micro-batch size {} times data-parallel size {}",
        globalBatch, microBatch, sizes.data);
  }
  return sizes;
}

Result<Partition> fromLayout(const Flags& flags, const Sizes& sizes, const MegatronJob& job) {
  for (const char* other :
       {"--decoder-first-pipeline-num-layers", "--decoder-last-pipeline-num-layers",
        "--account-for-embedding-in-pipeline-split", "--account-for-loss-in-pipeline-split",
        "--num-layers-per-virtual-pipeline-stage", "--num-virtual-stages-per-pipeline-rank"}) {
    if (flags.has(other))
      return refuse("--pipeline-model-parallel-layout cannot be set with {}", other);
  }
  CARACAL_TRY(stages, parseLayout(flags.text("--pipeline-model-parallel-layout")));
  const auto count = static_cast<int64_t>(stages.size());
  if (count % sizes.pipeline != 0) {
    return refuse("layout length ({}) must be divisible by the pipeline size ({})", count,
                  sizes.pipeline);
  }
  if (!stages.front().starts_with('E'))
    return refuse("the layout's first layer must be embedding (E)");
  if (!stages.back().ends_with('L')) return refuse("the layout's last layer must be loss (L)");
  Partition partition;
  partition.virtualStages = count > sizes.pipeline;
  int64_t total = 0, ends = 0;
  for (const std::string& stage : stages) {
    partition.layers.push_back(std::count(stage.begin(), stage.end(), 't'));
    total += partition.layers.back();
    ends +=
        std::count(stage.begin(), stage.end(), 'E') + std::count(stage.begin(), stage.end(), 'L');
  }
  if (ends != 2) return refuse("the layout must hold E and L exactly once");
  if (total != job.layers) {
    return refuse("Number of decoder layers in the layout ({}) is not that of the model ({})",
                  total, job.layers);
  }
  return partition;
}

// Stage sizes from the first and last stage's own flags; what lies between, and both ends where
// embedding and loss count as layers, is split evenly.
Result<std::vector<int64_t>> evenStages(const Flags& flags, const Sizes& sizes,
                                        const MegatronJob& job) {
  const bool first = flags.has("--decoder-first-pipeline-num-layers");
  const bool last = flags.has("--decoder-last-pipeline-num-layers");
  const int64_t embedding = flags.has("--account-for-embedding-in-pipeline-split") ? 1 : 0;
  const int64_t loss = flags.has("--account-for-loss-in-pipeline-split") ? 1 : 0;
  if ((first || last) && embedding + loss > 0) {
    return refuse("first and last stage sizes cannot be set with the account-for flags");
  }
  const int64_t firstLayers = flags.number("--decoder-first-pipeline-num-layers", 0);
  const int64_t lastLayers = flags.number("--decoder-last-pipeline-num-layers", 0);
  const int64_t middleLayers = job.layers + embedding + loss - firstLayers - lastLayers;
  const int64_t middleStages = sizes.pipeline - (first ? 1 : 0) - (last ? 1 : 0);
  if (middleLayers < 0 ||
      (middleStages < 1 ? middleLayers != 0 : middleLayers % middleStages != 0)) {
    return refuse("number of layers at middle stage: {} must be divisible by {} stages",
                  middleLayers, middleStages);
  }
  std::vector<int64_t> stages(static_cast<size_t>(sizes.pipeline),
                              middleStages < 1 ? 0 : middleLayers / middleStages);
  if (first) stages.front() = firstLayers;
  if (last) stages.back() = lastLayers;
  stages.front() -= embedding;
  stages.back() -= loss;
  return stages;
}

Result<Partition> fromStageFlags(const Flags& flags, const Sizes& sizes, const MegatronJob& job) {
  CARACAL_TRY(stages, evenStages(flags, sizes, job));
  const bool perVirtual = flags.has("--num-layers-per-virtual-pipeline-stage");
  const bool chunksGiven = flags.has("--num-virtual-stages-per-pipeline-rank");
  if (perVirtual && chunksGiven)
    return refuse("No more than one of the virtual stage flags can be set");
  int64_t chunks = flags.number("--num-virtual-stages-per-pipeline-rank", 1);
  if (perVirtual) {
    const int64_t size = flags.number("--num-layers-per-virtual-pipeline-stage", 1);
    if (size < 1 || stages.front() % size != 0) {
      return refuse("{} layers of a stage must be divisible by {} per virtual stage",
                    stages.front(), size);
    }
    chunks = stages.front() / size;
  }
  for (int64_t& stage : stages) {
    if (chunks < 1 || stage % chunks != 0) {
      return refuse("{} layers of a stage must be divisible by {} virtual stages", stage, chunks);
    }
    stage /= chunks;
  }
  return Partition{std::move(stages), chunks > 1};
}

Result<void> checkSelective(const Flags& flags) {
  if (flags.has("--recompute-method")) {
    return refuse("recompute method is not yet supported for selective recomputing granularity");
  }
  if (flags.has("--recompute-num-layers")) {
    return refuse("with selective granularity recompute_num_layers must be None");
  }
  static const std::set<std::string> choices{
      "core_attn",      "moe_act",      "layernorm",   "mla_up_proj", "mlp", "moe",
      "shared_experts", "gdn_norm_out", "gdp_in_proj", "gdp_qkv",     "mhc"};
  for (const std::string& module : flags.texts("--recompute-modules")) {
    if (!choices.contains(module))
      return refuse("Invalid choices for recompute_modules: {}", module);
    if (module != "core_attn" && module != "layernorm" && module != "mlp") {
      return refuse(
          "recompute module {} is only supported with layers that a dense GPT does not have",
          module);
    }
  }
  return {};
}

Result<void> checkFull(const Flags& flags, const std::vector<int64_t>& stages) {
  const std::string method = flags.text("--recompute-method");
  if (method != "block" && method != "uniform") {
    return refuse("Using recompute_granularity: full so recompute_method must be block or uniform");
  }
  if (flags.has("--recompute-modules")) {
    return refuse("recompute modules beside full granularity have no effect; leave them out");
  }
  const int64_t smallest = *std::min_element(stages.begin(), stages.end());
  const int64_t largest = *std::max_element(stages.begin(), stages.end());
  const int64_t most = method == "block" ? smallest : largest;
  const int64_t layers = flags.number("--recompute-num-layers", 0);
  if (!flags.has("--recompute-num-layers") || layers < 1 || layers > most) {
    return refuse(
        "Using recompute_granularity: full so recompute_num_layers must be between 1 and {}", most);
  }
  return {};
}

Result<void> checkRecompute(const Flags& flags, const std::vector<int64_t>& stages) {
  if (flags.has("--distribute-saved-activations") && flags.has("--sequence-parallel")) {
    return refuse("distribute_saved_activations with sequence parallelism must be false");
  }
  const std::string granularity = flags.text("--recompute-granularity");
  if (granularity == "full") return checkFull(flags, stages);
  if (granularity == "selective") return checkSelective(flags);
  if (!granularity.empty()) {
    return refuse(
        "--recompute-granularity: invalid choice \"{}\"; leave the flag out to recompute nothing",
        granularity);
  }
  for (const char* inert :
       {"--recompute-method", "--recompute-num-layers", "--recompute-modules"}) {
    if (flags.has(inert))
      return refuse("{} has no effect without --recompute-granularity; add it", inert);
  }
  return {};
}

Result<void> checkOverlap(const Flags& flags, bool virtualStages) {
  if (flags.has("--overlap-param-gather") && !flags.has("--use-distributed-optimizer")) {
    return refuse("--overlap-param-gather is only supported with distributed optimizer");
  }
  if (flags.has("--overlap-param-gather") && !flags.has("--overlap-grad-reduce")) {
    return refuse("--overlap-param-gather needs --overlap-grad-reduce");
  }
  if (flags.has("--overlap-p2p-communication-warmup-flush") && !virtualStages) {
    return refuse(
        "--overlap-p2p-communication-warmup-flush is only compatible with overlap_p2p_comm, which "
        "virtual stages turn on");
  }
  if (flags.has("--tp-comm-overlap") && !flags.has("--sequence-parallel")) {
    return refuse("--tp-comm-overlap needs --sequence-parallel");
  }
  return {};
}

}  // namespace

Result<void> checkMegatronArguments(const std::vector<std::string>& arguments,
                                    const MegatronJob& job) {
  CARACAL_TRY(flags, Flags::parse(arguments));
  CARACAL_TRY(sizes, checkSizes(flags, job));
  const bool layout = flags.has("--pipeline-model-parallel-layout");
  CARACAL_TRY(partition,
              layout ? fromLayout(flags, sizes, job) : fromStageFlags(flags, sizes, job));
  CARACAL_CHECK_OK(checkRecompute(flags, partition.layers));
  return checkOverlap(flags, partition.virtualStages);
}

}  // namespace caracal::exporter
