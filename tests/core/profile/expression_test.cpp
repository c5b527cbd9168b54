#include "core/profile/expression.h"

#include <gtest/gtest.h>

#include <random>

namespace caracal::profile {
namespace {

const Sizes kSizes{{"s", 2048}, {"b", 4}, {"h", 6144}, {"t", 8}, {"sp", 0}};

int64_t valueOf(const std::string& text) {
  const auto expression = Expression::parse(text);
  EXPECT_TRUE(expression) << expression.error().text();
  if (!expression) return -1;
  const auto value = expression->evaluate(kSizes);
  EXPECT_TRUE(value) << value.error().text();
  return value.value_or(-1);
}

std::string errorOf(const std::string& text) {
  const auto expression = Expression::parse(text);
  if (!expression) return expression.error().text();
  const auto value = expression->evaluate(kSizes);
  return value ? "is " + std::to_string(*value) : value.error().text();
}

TEST(Expression, followsTheUsualRanksOfOperators) {
  EXPECT_EQ(valueOf("2 + 3 * 4"), 14);
  EXPECT_EQ(valueOf("(2 + 3) * 4"), 20);
  EXPECT_EQ(valueOf("20 - 3 - 4"), 13);
  EXPECT_EQ(valueOf("48 / 4 / 2 * 3"), 18);
  EXPECT_EQ(valueOf("2 * s * b * h / t"), int64_t{2} * 2048 * 4 * 6144 / 8);
  EXPECT_EQ(valueOf("-2 * -3 + 7 % 4"), 9);
  EXPECT_EQ(valueOf("1 + 1 == 2 && 3 > 4 || !0"), 1);
  EXPECT_EQ(valueOf("2<=2 == 1 != 0"), 1);
  EXPECT_EQ(valueOf("sp ? s / t : s"), 2048);
  EXPECT_EQ(valueOf("0 ? 1 : 0 ? 2 : 3"), 3);
  EXPECT_EQ(valueOf("max(min(3, 5), 2) + ceil(51201, 8)"), 3 + 6401);
}

TEST(Expression, evaluatesOnlyWhatItNeeds) {
  EXPECT_EQ(valueOf("sp && 1 / 0"), 0);
  EXPECT_EQ(valueOf("t || unknown"), 1);
  EXPECT_EQ(valueOf("sp ? 7 / 2 : 7"), 7);
}

TEST(Expression, neverRoundsAndNeverOverflows) {
  EXPECT_EQ(errorOf("7 / 2"),
            "\"7 / 2\": 7 is no multiple of 2; choose sizes that divide, or write ceil(x, y) if a "
            "rounded-up share is meant");
  EXPECT_EQ(errorOf("s / (b - 4)"), "\"s / (b - 4)\": division of 2048 by 0");
  EXPECT_EQ(errorOf("9223372036854775807 + 1"),
            "\"9223372036854775807 + 1\": the value exceeds 2^63; check the model's sizes");
  EXPECT_EQ(errorOf("h * h * h * h * h * h"),
            "\"h * h * h * h * h * h\": the value exceeds 2^63; check the model's sizes");
  EXPECT_EQ(errorOf("-9223372036854775807 - 2"),
            "\"-9223372036854775807 - 2\": the value exceeds 2^63; check the model's sizes");
}

TEST(Expression, saysWhereItIsWrong) {
  EXPECT_EQ(errorOf("2 * * 3"),
            "\"2 * * 3\": column 5 should hold a number, a name or \"(\" instead of \"* 3\"");
  EXPECT_EQ(errorOf("(2 + 3"), "\"(2 + 3\": column 7 should hold \")\" instead of the end");
  EXPECT_EQ(errorOf("2 3"),
            "\"2 3\": column 3 should hold an operator or the end instead of \"3\"");
  EXPECT_EQ(errorOf(""), "\"\": column 1 should hold a number, a name or \"(\" instead of the end");
  EXPECT_EQ(
      errorOf("sqrt(2)"),
      "\"sqrt(2)\": column 1 should hold min, max or ceil before \"(\" instead of \"sqrt(2)\"");
  EXPECT_EQ(errorOf("99999999999999999999"),
            "\"99999999999999999999\": column 1 should hold a number below 2^63 instead of "
            "\"99999999999999999999\"");
  EXPECT_EQ(errorOf("s * width"),
            "\"s * width\": there is no size \"width\"; known are b, h, s, sp, t");
}

TEST(Expression, refusesNestingAndLengthThatWouldExhaustTheStack) {
  EXPECT_NE(errorOf(std::string(400, '(') + "1" + std::string(400, ')')).find("nested"),
            std::string::npos);
  EXPECT_NE(errorOf(std::string(900, '-') + "1").find("nested"), std::string::npos);
  std::string choices;
  for (int i = 0; i < 200; ++i) choices += "1?";
  EXPECT_NE(errorOf(choices + "1").find("nested"), std::string::npos);
  std::string sum = "1";
  for (int i = 0; i < 600; ++i) sum += "+1";
  EXPECT_NE(errorOf(sum).find("1201 characters"), std::string::npos);
}

// Texts made from a tree whose value is known.
struct Known {
  std::string text;
  int64_t value;
};

Known randomTree(std::mt19937& random, int depth) {
  const int64_t leaf = std::uniform_int_distribution<int64_t>(0, 9)(random);
  if (depth == 0) return {std::to_string(leaf), leaf};
  const Known x = randomTree(random, depth - 1), y = randomTree(random, depth - 1);
  switch (leaf) {
    case 0:
      return {fmt::format("({} - {})", x.text, y.text), x.value - y.value};
    case 1:
      return {fmt::format("-({})", x.text), -x.value};
    case 2:
      return {fmt::format("({} < {})", x.text, y.text), x.value < y.value};
    case 3:
      return {fmt::format("max({}, {})", x.text, y.text), std::max(x.value, y.value)};
    case 4:
      return {fmt::format("({} ? {} : {})", x.text, y.text, x.text),
              x.value != 0 ? y.value : x.value};
    case 5:
    case 6:
      return {fmt::format("({} * {})", x.text, y.text), x.value * y.value};
    default:
      return {fmt::format("({} + {})", x.text, y.text), x.value + y.value};
  }
}

TEST(Expression, isWhatTheTreeThatItWasWrittenFromIs) {
  for (uint32_t seed = 0; seed < 500; ++seed) {
    std::mt19937 random(seed);
    const Known known = randomTree(random, static_cast<int>(seed % 4));
    if (known.text.size() > 1000) continue;
    EXPECT_EQ(valueOf(known.text), known.value) << "seed " << seed;
  }
}

TEST(Expression, garbageIsRefusedAndNothingElseHappens) {
  const std::string letters = "s2(+*/%-!&|?:<>=,) minax";
  for (uint32_t seed = 0; seed < 5000; ++seed) {
    std::mt19937 random(seed);
    std::string text;
    for (uint32_t i = 0; i < 1 + seed % 24; ++i) text += letters[random() % letters.size()];
    const auto expression = Expression::parse(text);
    const auto value = expression ? expression->evaluate(kSizes)
                                  : expression.map([](auto&&) { return int64_t{0}; });
    EXPECT_TRUE(value || !value.error().message.empty()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace caracal::profile
