// The accept/reject table of Megatron-LM's own parser and validation, measured at commit d98e8a64
// for 32 layers, tensor parallel 2, pipeline 4 and 16 ranks (docs/export.md), against our check.
#include "core/export/megatron_arguments.h"

#include <gtest/gtest.h>

#include <sstream>

namespace caracal::exporter {
namespace {

std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> result;
  for (std::string word; stream >> word;) result.push_back(word);
  return result;
}

std::string verdict(const std::string& flags) {
  const auto arguments =
      words("--tensor-model-parallel-size 2 --pipeline-model-parallel-size 4 " + flags);
  const auto status = checkMegatronArguments(arguments, {32, 16});
  return status ? "accepted" : status.error().message;
}

constexpr const char* kLayout = "--pipeline-model-parallel-layout ";
constexpr const char* kFull = "--recompute-granularity full ";

TEST(MegatronCheck, acceptsWhatTheTargetAcceptsAndMeansTheSame) {
  for (const std::string& flags : {
           std::string(),
           kFull + std::string("--recompute-method block --recompute-num-layers 3"),
           kFull + std::string("--recompute-method uniform --recompute-num-layers 1"),
           std::string("--recompute-granularity selective"),
           std::string("--recompute-granularity selective --recompute-modules core_attn mlp "
                       "layernorm core_attn"),
           std::string(
               "--decoder-first-pipeline-num-layers 7 --decoder-last-pipeline-num-layers 7"),
           std::string("--decoder-first-pipeline-num-layers 8"),
           kLayout + std::string("Et*9|t*8|t*8|t*7,L ") + kFull +
               "--recompute-method block --recompute-num-layers 3",
           kLayout + std::string("Et*5|t*10|t*10|t*7,L ") + kFull +
               "--recompute-method block --recompute-num-layers 3",
           kLayout + std::string("Et*16||t*9|t*7,L"),
           kLayout + std::string("E(t*4|)*7t*4,L --overlap-p2p-communication-warmup-flush"),
           std::string(
               "--num-virtual-stages-per-pipeline-rank 2 --decoder-first-pipeline-num-layers 6 "
               "--decoder-last-pipeline-num-layers 6"),
           std::string("--sequence-parallel --tp-comm-overlap"),
           std::string("--use-distributed-optimizer --overlap-grad-reduce --overlap-param-gather"),
           std::string("--micro-batch-size 2 --global-batch-size 64"),
       }) {
    EXPECT_EQ(verdict(flags), "accepted") << flags;
  }
}

TEST(MegatronCheck, rejectsWhatTheTargetRejects) {
  const std::pair<std::string, const char*> cases[] = {
      {"--recompute-granularity full --recompute-num-layers 3",
       "Using recompute_granularity: full so recompute_method must be"},
      {"--recompute-granularity full --recompute-method block",
       "recompute_num_layers must be between 1 and"},
      {"--recompute-granularity selective --recompute-method block",
       "recompute method is not yet supported for selective"},
      {"--recompute-granularity selective --recompute-num-layers 2",
       "recompute_num_layers must be None"},
      {"--recompute-granularity selective --recompute-modules core_attn,mlp",
       "Invalid choices for recompute_modules"},
      {"--recompute-granularity selective --recompute-modules qkv_linear",
       "Invalid choices for recompute_modules"},
      {"--recompute-granularity selective --recompute-modules", "expected at least one argument"},
      {"--recompute-granularity selective --recompute-modules moe_act", "only supported with"},
      {"--recompute-granularity selective --recompute-modules mla_up_proj", "only supported with"},
      {"--recompute-granularity none", "invalid choice"},
      {"--distribute-saved-activations --sequence-parallel", "must be false"},
      {"--decoder-first-pipeline-num-layers 7", "number of layers at middle stage"},
      {kLayout + std::string("Et*9|t*8|t*8|t*8,L"), "Number of decoder layers"},
      {kLayout + std::string("Et*16|t*8|t*8,L"), "must be divisible"},
      {kLayout + std::string("t*9|t*8|t*8|t*7,L"), "first layer must be embedding"},
      {kLayout + std::string("Et*9|t*8|t*8|t*7"), "last layer must be loss"},
      {kLayout + std::string("Et*9|t*8|t*8|t*7,L --decoder-first-pipeline-num-layers 9"),
       "cannot be set with"},
      {kLayout + std::string("Et*9|t*8|t*8|t*7,L --account-for-loss-in-pipeline-split"),
       "cannot be set with"},
      {kLayout + std::string("Et*9|t*8|t*8|t*7,L --num-layers-per-virtual-pipeline-stage 2"),
       "cannot be set with"},
      {"--num-layers-per-virtual-pipeline-stage 2 --num-virtual-stages-per-pipeline-rank 2",
       "No more than one of"},
      {"--num-virtual-stages-per-pipeline-rank 2 --decoder-first-pipeline-num-layers 7",
       "divisible"},
      {"--num-layers-per-virtual-pipeline-stage 3", "divisible"},
      {"--account-for-embedding-in-pipeline-split --account-for-loss-in-pipeline-split",
       "divisible"},
      {"--pipeline-model-parallel-size 5", "divisible"},
      {"--overlap-param-gather", "only supported with distributed optimizer"},
      {"--overlap-p2p-communication-warmup-flush", "only compatible with overlap_p2p_comm"},
      {"--tp-comm-overlap", "needs --sequence-parallel"},
      {"--micro-batch-size 3 --global-batch-size 64", "not divisible"},
      {"--recompute-gran full", "abbreviations are not allowed"},
  };
  for (const auto& [flags, expected] : cases) {
    EXPECT_NE(verdict(flags).find(expected), std::string::npos) << flags << ": " << verdict(flags);
  }
}

TEST(MegatronCheck, refusesWhatTheTargetTakesInSilence) {
  const std::pair<std::string, const char*> cases[] = {
      {kFull + std::string("--recompute-method block --recompute-num-layers 99"),
       "between 1 and 8"},
      {kFull + std::string("--recompute-method block --recompute-num-layers 0"), "between 1 and 8"},
      {kFull + std::string("--recompute-method block --recompute-num-layers -1"),
       "between 1 and 8"},
      {kFull + std::string("--recompute-method uniform --recompute-num-layers 0"),
       "between 1 and 8"},
      {kFull +
           std::string("--recompute-method block --recompute-num-layers 3 --recompute-modules mlp"),
       "have no effect"},
      {"--recompute-modules core_attn", "has no effect without --recompute-granularity"},
      {"--recompute-num-layers 3", "has no effect without --recompute-granularity"},
      {"--recompute-num-layers three", "is not a whole number"},
  };
  for (const auto& [flags, expected] : cases) {
    EXPECT_NE(verdict(flags).find(expected), std::string::npos) << flags << ": " << verdict(flags);
  }
}

}  // namespace
}  // namespace caracal::exporter
