// The products of the standard operator table and what each operator saves, against Korthikanti et
// al. (arXiv 2205.05198), section 4 and appendix A.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/core/profile/layer_fixture.h"

namespace caracal::profile {
namespace {

using fixture::describe;
using fixture::made;
using fixture::Sizes22B;

TEST(LayerFlops, areThoseOfTheProductsAndTwiceThatBackward) {
  for (const int32_t t : {1, 2, 8}) {
    SCOPED_TRACE(t);
    const Sizes22B sizes;
    const int64_t linear = sizes.A() * sizes.h / t;
    const int64_t square = sizes.A() * sizes.s / t;
    const std::map<std::string, int64_t> published{{"qkv", 6 * linear},     {"scores", 2 * square},
                                                   {"context", 2 * square}, {"proj", 2 * linear},
                                                   {"fc1", 8 * linear},     {"fc2", 8 * linear}};
    const LayerStructure layer = made(describe(sizes, t)).kinds.front();
    size_t products = 0;
    for (size_t i = 0; i < layer.kind.operators.size(); ++i) {
      const Operator& op = layer.kind.operators[i];
      if (op.kind != OperatorKind::kGemm) continue;
      ASSERT_TRUE(published.contains(op.id)) << op.id;
      EXPECT_EQ(layer.costs[i].forward.flops, published.at(op.id)) << op.id;
      EXPECT_EQ(layer.costs[i].backward.flops, 2 * published.at(op.id)) << op.id;
      ++products;
    }
    EXPECT_EQ(products, published.size());
  }
}

// In units of s b h bytes, T = 1/t: LN1 2, QKV 6T, softmax 2 (as/h) T, dropout 3 (as/h) T, AV 2T,
// dropout and sum 1 + 2 (the input of LN2), LN2 2, FC1 8T, GeLU 8T, dropout 1.
TEST(LayerFlops, standBesideWhatEachOperatorSaves) {
  for (const int32_t t : {1, 2, 8}) {
    SCOPED_TRACE(t);
    const Sizes22B sizes;
    const int64_t A = sizes.A();
    const int64_t scores = sizes.a * sizes.s * sizes.s * sizes.b / t;
    const std::map<std::string, int64_t> published{
        {"ln1", 2 * A},          {"qkv", 6 * A / t},
        {"softmax", 2 * scores}, {"attn_dropout", 3 * scores},
        {"context", 2 * A / t},  {"residual1", 3 * A},
        {"ln2", 2 * A},          {"fc1", 8 * A / t},
        {"act", 8 * A / t},      {"residual2", A}};
    const LayerKind layer = fixture::layerOf(describe(sizes, t));
    for (const Operator& op : layer.operators) {
      const auto found = published.find(op.id);
      EXPECT_EQ(op.savedBytes, found == published.end() ? 0 : found->second) << op.id;
    }
  }
}

}  // namespace
}  // namespace caracal::profile
