#include "runtime/command/command_line.h"

#include <CLI/CLI.hpp>
#include <map>

#include "core/profile/link_text.h"

namespace caracal::command {
namespace {

constexpr int kUsageError = 2;
constexpr int32_t kMostOfAKind = 1024;  // ranks in one direction: a thread each

const std::map<std::string, std::optional<comm::ClockKind>>& clocks() {
  static const std::map<std::string, std::optional<comm::ClockKind>> kClocks{
      {"auto", std::nullopt},
      {"wall", comm::ClockKind::kWall},
      {"virtual", comm::ClockKind::kVirtual}};
  return kClocks;
}

void addLink(CLI::App& app, const std::string& name, const std::string& what, comm::Link& link) {
  const auto read = [&link](const std::string& text) {
    const auto parsed = profile::parseLink(text);
    if (!parsed) throw CLI::ValidationError(parsed.error().message);
    link = *parsed;
  };
  app.add_option_function<std::string>(name, read, what)
      ->type_name("LATENCY,BANDWIDTH")
      ->default_str(profile::linkText(link));
}

void addModel(CLI::App& app, CommandLine& line) {
  auto* plan =
      app.add_option("--plan", line.planPath, "Plan document to execute")->type_name("P.json");
  app.add_option(
         "--model", line.modelName,
         "Model to train without a plan: a document or a shipped name (demo-gpt when neither "
         "is given); everything is kept, layers are spread evenly")
      ->type_name("M.json")
      ->excludes(plan);
  app.add_option("--profile", line.profilePath,
                 "Refuse the plan unless it was made for this profile")
      ->type_name("P.json")
      ->needs(plan);
  const auto addSize = [&](const std::string& name, const std::string& what,
                           std::optional<int32_t>& size) {
    app.add_option(name, size, what)->check(CLI::Range(1, kMostOfAKind))->excludes(plan);
  };
  addSize("--tp", "Tensor-parallel ranks, instead of the model's", line.tensor);
  addSize("--pp", "Pipeline stages, instead of the model's", line.pipeline);
  addSize("--dp", "Data-parallel replicas, instead of the model's", line.data);
  addSize("--microbatches", "Micro-batches per step and replica, instead of the model's",
          line.microBatches);
  app.add_option(
         "--schedule", line.schedule,
         "Pipeline schedule without a plan: 1F1B, gpipe, interleaved:V, zb-h1, zb-h2, zb-v, "
         "v-half or v-min")
      ->capture_default_str()
      ->excludes(plan);
}

void addTraining(CLI::App& app, CommandLine& line) {
  app.add_option("--steps", line.steps, "Training steps of this run")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--seed", line.seed, "Of weights, dropout and the order of the text")
      ->default_str("1");
  app.add_option("--lr", line.learningRate, "Learning rate of AdamW")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_flag("--distributed-optimizer", line.replicas.distributedOptimizer,
               "Data-parallel replicas keep a part of the optimizer's state each, update that part "
               "of the weights and gather the rest (ZeRO-1); a model may ask for it too");
  app.add_option(
         "--bucket-bytes", line.replicas.bucketBytes,
         "In models with overlapGradientReduce: gradients that are reduced together as soon "
         "as they are complete; 0: each layer alone (default: Megatron-LM's, "
         "4 bytes of max(40, dp) million parameters)")
      ->type_name("BYTES")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--text", line.textPath,
                 "Text to train on, read as bytes; a built-in one when left out")
      ->type_name("FILE");
  app.add_option("--record", line.recordPath, "Write a recording of the run")
      ->type_name("OUT.sqlite");
  auto* checkpoint =
      app.add_option("--checkpoint", line.checkpointPath,
                     "Write weights and optimizer state here after the last step, also when a "
                     "signal ends the run")
          ->type_name("OUT.ckpt");
  app.add_option("--checkpoint-every", line.checkpointEvery, "Write it after every N steps too")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000))
      ->needs(checkpoint);
  app.add_option("--resume", line.resumePath,
                 "Go on after the steps of a checkpoint; plan, schedule and partition may differ")
      ->type_name("IN.ckpt");
}

}  // namespace

ParsedCommandLine parseCommandLine(int argc, const char* const* argv) {
  ParsedCommandLine parsed;
  CommandLine& line = parsed.line;
  CLI::App app{
      "Trains a GPT with tensor, pipeline and data parallelism, executing a plan.\n"
      "Ranks are threads, or processes under torchrun, srun or mpirun. Progress is written to "
      "stdout\n"
      "as JSON lines.\n"
      "Ctrl-C ends the run after the step, a second one at once.",
      "caracal-run"};
  app.set_version_flag("--version", std::string("caracal-run ") + CARACAL_VERSION);
  app.add_flag("--abilities", line.asksAbilities,
               "Say as a JSON line which backends there are and whether ranks can be processes");
  addModel(app, line);
  addTraining(app, line);
  std::string clock = "auto";
  app.add_option("--clock", clock,
                 "wall: ranks compute side by side; virtual: one operator at a time, its measured "
                 "duration moves "
                 "the rank's clock; auto: wall when there is a core for every rank")
      ->check(CLI::IsMember({"auto", "wall", "virtual"}))
      ->capture_default_str();
  std::string backend = "cpu";
  app.add_option("--backend", backend,
                 "cpu: ranks are threads on this machine's cores; cuda: ranks share one GPU, each "
                 "on streams of its own, or are processes with a GPU each")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
  app.add_option("--cuda-device", line.cudaDevice, "Which GPU")
      ->check(CLI::Range(0, 63))
      ->capture_default_str();
  app.add_option("--link-ctas", line.linkCtas,
                 "Blocks of the GPU that a link may occupy while it is busy")
      ->check(CLI::Range(1, 64))
      ->default_str("4 for an emulated link, NCCL's choice for its own");
  app.add_flag("--gpu-partition", line.partition,
               "Give each rank that shares the GPU multiprocessors of its own (green contexts)");
  addLink(app, "--link-tensor", "Emulated link inside a tensor-parallel group", line.links.tensor);
  addLink(app, "--link-pipeline", "Emulated link between stages", line.links.pipeline);
  addLink(app, "--link-data", "Emulated link between data-parallel replicas", line.links.data);
  app.add_option("--link-timeout", line.linkTimeoutSeconds,
                 "Longest wait for other ranks; after it the run ends and says who did not come")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.1, 1e6))
      ->default_str("600");
  try {
    app.parse(argc, argv);
    line.clock = clocks().at(clock);
    line.cuda = backend == "cuda";
  } catch (const CLI::ParseError& error) {
    parsed.exitCode = app.exit(error) == 0 ? 0 : kUsageError;
  }
  return parsed;
}

}  // namespace caracal::command
