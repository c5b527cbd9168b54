// The documents we write and ship conform to the schemas we ship, and the schemas refuse what they
// should.
#include <gtest/gtest.h>

#include "core/base/files.h"
#include "core/base/resources.h"
#include "core/profile/model_description.h"
#include "core/profile/profile_json.h"
#include "tests/support/json_schema.h"

namespace caracal::profile {
namespace {

test::JsonSchema schema(const std::string& name) {
  return test::JsonSchema(*readTextFile(*findResource("schema/" + name + ".schema.json")));
}

using NoViolations = std::vector<std::string>;

std::string anyProfile() {
  auto model = *loadModel("gpt-1.3b");
  Profile profile = *profileFromModel(model, *loadHardware("h200"));
  profile.observed = {{0, 6, 11, 22, 33}};
  return toJson(profile);
}

TEST(Schema, profilesWeWriteConform) {
  EXPECT_EQ(schema("profile").violations(anyProfile()), NoViolations{});
}

TEST(Schema, shippedModelsTablesAndHardwareConform) {
  for (const auto& [folder, of] :
       {std::pair{"models", "model"}, {"hardware", "hardware"}, {"models/layers", "layer-table"}}) {
    const auto checked = schema(of);
    for (const std::string& name : listResources(folder)) {
      const auto text = readTextFile(*findResource(std::string(folder) + "/" + name + ".json"));
      EXPECT_EQ(checked.violations(*text), NoViolations{}) << name;
    }
  }
}

TEST(Schema, modelsWeWriteConform) {
  EXPECT_EQ(schema("model").violations(modelToJson(*loadModel("gpt-22b"))), NoViolations{});
}

TEST(Schema, refusesMissingUnknownAndWrongFields) {
  const auto checked = schema("profile");
  auto document = nlohmann::json::parse(anyProfile());
  document.erase("links");
  document["surprise"] = 1;
  document["kinds"][0]["operators"][0]["forwardNs"] = -1;
  document["tag"] = "guessed";
  document["schema"] = "caracal.profile/2";
  EXPECT_EQ(
      checked.violations(document.dump()),
      (NoViolations{"$: misses links", "$.kinds[0].operators[0].forwardNs: breaks minimum with -1",
                    "$.schema: breaks const with \"caracal.profile/2\"",
                    "$.surprise: is not a field", "$.tag: breaks enum with \"guessed\""}));
}

}  // namespace
}  // namespace caracal::profile
