// The gradients of a whole model against finite differences of its loss, dropout included: the
// masks are the same at every evaluation.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "runtime/executor/cpu_device.h"
#include "runtime/executor/stage_executor.h"
#include "tests/runtime/tiny_model.h"

namespace caracal::executor {
namespace {

// One rank that runs forward and backward of a step, and leaves the gradients where they are.
class OneRank {
 public:
  explicit OneRank(Job job)
      : m_job(std::move(job)),
        m_clock(comm::ClockKind::kVirtual),
        m_device(options(), text(), m_clock) {
    m_program = m_job.program.stages.front();
    EXPECT_EQ(m_program.items.back().action, plan::Action::kOptimizer);
    m_program.items.pop_back();
  }

  double loss() {
    model::ParameterStore& parameters = m_device.model().parameters();
    std::fill(parameters.gradients().begin(), parameters.gradients().end(), 0.0F);
    StageExecutor executor(m_job, m_program, m_device);
    const auto done = executor.runStep(0);
    EXPECT_TRUE(done) << done.error().text();
    return m_device.model().takeLossSum() / m_job.model.parallel.microBatches;
  }
  model::ParameterStore& parameters() { return m_device.model().parameters(); }

 private:
  RankOptions options() const {
    RankOptions result;
    result.model.shape = model::rankShape(m_job.model.shape, m_job.model.parallel, 0);
    result.model.layers = layersOf(m_job, 0);
    result.model.microBatches = m_job.model.parallel.microBatches;
    return result;
  }
  static std::shared_ptr<const model::TextSource> text() {
    return std::make_shared<const model::TextSource>(model::TextSource::builtIn());
  }

  Job m_job;
  comm::RunClock m_clock;
  CpuDevice m_device;
  plan::StageProgram m_program;
};

TEST(ModelGradient, ofEveryParameterIsTheSlopeOfTheLoss) {
  test::Sizes sizes;
  sizes.layers = 2;
  sizes.microBatches = 2;
  const auto job = jobFromModel(test::tinyModel(sizes));
  ASSERT_TRUE(job) << job.error().text();
  OneRank rank(*job);
  // Weights of the usual size would leave attention nearly flat; these make every operator matter.
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0, 0.3F);
  for (float& weight : rank.parameters().weights()) weight += normal(random);

  rank.loss();
  const std::vector<float> gradients(rank.parameters().gradients().begin(),
                                     rank.parameters().gradients().end());
  for (const model::ParameterSpec& spec : rank.parameters().specs()) {
    const auto begin = gradients.begin() + spec.offset;
    const auto steepest = std::max_element(
        begin, begin + spec.count(), [](float a, float b) { return std::abs(a) < std::abs(b); });
    float& weight = rank.parameters().weights()[static_cast<size_t>(steepest - gradients.begin())];
    const float value = weight;
    constexpr float kStep = 4e-3F;
    weight = value + kStep;
    const double above = rank.loss();
    weight = value - kStep;
    const double below = rank.loss();
    weight = value;
    const double slope = (above - below) / (2.0 * kStep);
    EXPECT_NEAR(*steepest, slope, 1e-3 + 0.02 * std::abs(slope)) << spec.name;
    EXPECT_NE(*steepest, 0.0F) << spec.name;
  }
}

}  // namespace
}  // namespace caracal::executor
