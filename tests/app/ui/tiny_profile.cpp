#include "tests/app/ui/tiny_profile.h"

#include <stdexcept>

#include "core/profile/model_description.h"

namespace caracal::test {

std::string tinyModelJson() {
  return R"({"schema": "caracal.model/1", "name": "Tiny GPT",
    "layers": 4, "hidden": 64, "heads": 4, "sequence": 32, "vocabulary": 256, "microBatchSize": 1,
    "bytesPerElement": 4, "dropout": 0.1, "staticBytesPerParameter": 16, "tp": 2, "pp": 2,
    "microBatches": 4})";
}

std::shared_ptr<const profile::Profile> tinyProfile() {
  const auto model = profile::modelFromJson(tinyModelJson());
  if (!model) throw std::runtime_error(model.error().text());
  const auto hardware = profile::loadHardware("a100-80gb");
  if (!hardware) throw std::runtime_error(hardware.error().text());
  auto profile = profile::profileFromModel(*model, *hardware);
  if (!profile) throw std::runtime_error(profile.error().text());
  // Links that emulation can keep.
  profile->tensorLink = {20'000, 1e9, false};
  profile->pipelineLink = {20'000, 1e9, false};
  return std::make_shared<const profile::Profile>(std::move(*profile));
}

}  // namespace caracal::test
