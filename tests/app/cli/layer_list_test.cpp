#include "app/cli/layer_list.h"

#include <gtest/gtest.h>

namespace caracal::cli {
namespace {

using Layers = std::vector<int32_t>;

TEST(LayerList, isNumbersBetweenCommas) {
  EXPECT_EQ(parseLayerList("4,4,3,3").value(), (Layers{4, 4, 3, 3}));
  EXPECT_EQ(parseLayerList("12").value(), Layers{12});
}

TEST(LayerList, ofNothingIsEmpty) {
  EXPECT_EQ(parseLayerList("").value(), Layers{});
}

TEST(LayerList, refusesEverythingElseByItsText) {
  for (const char* text :
       {",", "4,", ",4", "4,,3", "four", "4;3", "0,4", "-1,4", "4 ,3", "99999999999"}) {
    const auto layers = parseLayerList(text);
    ASSERT_FALSE(layers) << text;
    EXPECT_NE(layers.error().message.find(text), std::string::npos) << layers.error().message;
  }
}

TEST(LayerList, namesTheStageThatWouldBeEmpty) {
  const auto layers = parseLayerList("8,8,16,0");
  ASSERT_FALSE(layers);
  EXPECT_NE(layers.error().message.find("stage 3"), std::string::npos) << layers.error().message;
}

}  // namespace
}  // namespace caracal::cli
