#include "tests/app/ui/demo_profile.h"

#include <stdexcept>

#include "core/profile/model_description.h"

namespace caracal::test {

std::shared_ptr<const profile::Profile> demoProfile() {
  profile::ModelDescription model;
  model.name = "test-gpt";
  model.shape.layers = 8;
  model.shape.hidden = 1024;
  model.shape.heads = 16;
  model.shape.sequence = 1024;
  model.shape.vocabulary = 32000;
  model.parallel.tensor = 2;
  model.parallel.pipeline = 2;
  model.parallel.microBatches = 4;
  const auto hardware = profile::loadHardware("a100-80gb");
  if (!hardware) throw std::runtime_error(hardware.error().text());
  auto profile = profile::profileFromModel(model, *hardware);
  if (!profile) throw std::runtime_error(profile.error().text());
  return std::make_shared<const profile::Profile>(std::move(*profile));
}

}  // namespace caracal::test
