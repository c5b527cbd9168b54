// Expression: integer arithmetic over named sizes, as operator tables write it: "2*s*b*h*ffn / t".
//
// Exact: a division that leaves a remainder, an overflow of 64 bits and a division by zero are
// errors, never a rounded figure. Parsing bounds the nesting, so that no text can exhaust the
// stack.
//
//   primary:  7 | name | ( expression ) | min(x, y) | max(x, y) | ceil(x, y): x / y rounded up
//   by rank:  - !   * / %   + -   < <= > >=   == !=   &&   ||   condition ? x : y
//
// Comparisons and logic give 1 or 0; 0 is false. && || ?: evaluate only what they need.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace caracal::profile {

using Sizes = std::map<std::string, int64_t, std::less<>>;

class Expression {
 public:
  // Fails with the column and what was expected there.
  static Result<Expression> parse(std::string_view text);
  static Expression constant(int64_t value);

  // Fails for names that `sizes` lacks (and lists those it has), and for what is not exact.
  Result<int64_t> evaluate(const Sizes& sizes) const;

  const std::string& text() const { return m_text; }
  bool operator==(const Expression& other) const { return m_text == other.m_text; }

  enum class Op : uint8_t {
    kNumber,
    kName,
    kNegate,
    kNot,
    kMultiply,
    kDivide,
    kRemainder,
    kAdd,
    kSubtract,
    kLess,
    kLessEqual,
    kGreater,
    kGreaterEqual,
    kEqual,
    kNotEqual,
    kAnd,
    kOr,
    kChoose,
    kMin,
    kMax,
    kCeil,
  };
  // A node of the tree; operands are indices of earlier nodes, unused ones -1.
  struct Node {
    Op op = Op::kNumber;
    int64_t number = 0;
    std::string name;
    int32_t operands[3] = {-1, -1, -1};
  };

 private:
  std::string m_text;
  std::vector<Node> m_nodes;  // the last one is the root
};

}  // namespace caracal::profile
