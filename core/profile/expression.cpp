#include "core/profile/expression.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>

namespace caracal::profile {
namespace {

using Op = Expression::Op;
using Node = Expression::Node;

constexpr size_t kLongest = 1000;  // characters: bounds the height of the tree
constexpr int kDeepest = 64;       // parentheses, signs and choices inside each other
constexpr int kLoosest = 1;
constexpr int kTightest = 6;

struct Binary {
  std::string_view sign;
  Op op;
  int rank;
};
// Longer signs before their beginnings.
constexpr std::array<Binary, 13> kBinaries{{
    {"||", Op::kOr, 1},
    {"&&", Op::kAnd, 2},
    {"==", Op::kEqual, 3},
    {"!=", Op::kNotEqual, 3},
    {"<=", Op::kLessEqual, 4},
    {">=", Op::kGreaterEqual, 4},
    {"<", Op::kLess, 4},
    {">", Op::kGreater, 4},
    {"+", Op::kAdd, 5},
    {"-", Op::kSubtract, 5},
    {"*", Op::kMultiply, 6},
    {"/", Op::kDivide, 6},
    {"%", Op::kRemainder, 6},
}};

bool isNameStart(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_';
}
bool isNamePart(char c) {
  return isNameStart(c) || std::isdigit(static_cast<unsigned char>(c)) != 0;
}

// Recursive descent; each function returns the index of the node it made.
class Parser {
 public:
  explicit Parser(std::string_view text) : m_text(text) {}

  Result<std::vector<Node>> run() {
    if (m_text.size() > kLongest) {
      return fail(ErrorCode::kInvalidInput,
                  "an expression of {} characters; split it with a name in \"sizes\" (at most {})",
                  m_text.size(), kLongest);
    }
    CARACAL_CHECK_OK(choice());
    skipBlanks();
    if (m_at < m_text.size()) return wrong("an operator or the end");
    return std::move(m_nodes);
  }

 private:
  using Index = Result<int32_t>;

  struct Deeper {
    explicit Deeper(int& depth) : m_depth(depth) { ++m_depth; }
    ~Deeper() { --m_depth; }
    int& m_depth;
  };

  Index choice() {
    const Deeper level(m_depth);
    if (m_depth > kDeepest) return wrong("something less deeply nested");
    CARACAL_TRY(condition, binary(kLoosest));
    if (!take("?")) return condition;
    CARACAL_TRY(yes, choice());
    if (!take(":")) return wrong("\":\"");
    CARACAL_TRY(no, choice());
    return add({Op::kChoose, 0, {}, {condition, yes, no}});
  }

  Index binary(int rank) {
    if (rank > kTightest) return unary();
    auto left = binary(rank + 1);
    while (left) {
      const auto sign = takeBinary(rank);
      if (!sign) break;
      CARACAL_TRY(right, binary(rank + 1));
      left = add({*sign, 0, {}, {*left, right, -1}});
    }
    return left;
  }

  Index unary() {
    const Deeper level(m_depth);
    if (m_depth > kDeepest) return wrong("something less deeply nested");
    const bool negated = take("-");
    if (!negated && (peek("!=") || !take("!"))) return primary();
    CARACAL_TRY(operand, unary());
    return add({negated ? Op::kNegate : Op::kNot, 0, {}, {operand, -1, -1}});
  }

  Index primary() {
    skipBlanks();
    if (take("(")) {
      CARACAL_TRY(inner, choice());
      if (!take(")")) return wrong("\")\"");
      return inner;
    }
    if (m_at < m_text.size() && isNameStart(m_text[m_at])) return nameOrCall();
    int64_t value = 0;
    const char* const begin = m_text.data() + m_at;
    const auto parsed = std::from_chars(begin, m_text.data() + m_text.size(), value);
    if (parsed.ec == std::errc::result_out_of_range) return wrong("a number below 2^63");
    if (parsed.ec != std::errc{} || *begin == '-') return wrong("a number, a name or \"(\"");
    m_at += static_cast<size_t>(parsed.ptr - begin);
    return add({Op::kNumber, value, {}, {-1, -1, -1}});
  }

  Index nameOrCall() {
    const size_t begin = m_at;
    while (m_at < m_text.size() && isNamePart(m_text[m_at])) ++m_at;
    const std::string name(m_text.substr(begin, m_at - begin));
    if (!take("(")) return add({Op::kName, 0, name, {-1, -1, -1}});
    const auto function = name == "min"    ? std::optional(Op::kMin)
                          : name == "max"  ? std::optional(Op::kMax)
                          : name == "ceil" ? std::optional(Op::kCeil)
                                           : std::nullopt;
    if (!function) {
      m_at = begin;
      return wrong("min, max or ceil before \"(\"");
    }
    CARACAL_TRY(first, choice());
    if (!take(",")) return wrong("\",\"");
    CARACAL_TRY(second, choice());
    if (!take(")")) return wrong("\")\"");
    return add({*function, 0, {}, {first, second, -1}});
  }

  void skipBlanks() {
    while (m_at < m_text.size() && m_text[m_at] == ' ') ++m_at;
  }
  bool peek(std::string_view sign) {
    skipBlanks();
    return m_text.substr(m_at).starts_with(sign);
  }
  bool take(std::string_view sign) {
    if (!peek(sign)) return false;
    m_at += sign.size();
    return true;
  }
  std::optional<Op> takeBinary(int rank) {
    for (const Binary& binary : kBinaries) {
      if (!peek(binary.sign)) continue;
      if (binary.rank != rank) return std::nullopt;
      m_at += binary.sign.size();
      return binary.op;
    }
    return std::nullopt;
  }

  int32_t add(Node node) {
    m_nodes.push_back(std::move(node));
    return static_cast<int32_t>(m_nodes.size()) - 1;
  }
  tl::unexpected<Error> wrong(std::string_view expected) const {
    return fail(ErrorCode::kInvalidInput, "\"{}\": column {} should hold {} instead of {}", m_text,
                m_at + 1, expected,
                m_at < m_text.size() ? fmt::format("\"{}\"", m_text.substr(m_at)) : "the end");
  }

  std::string_view m_text;
  size_t m_at = 0;
  int m_depth = 0;
  std::vector<Node> m_nodes;
};

class Evaluator {
 public:
  Evaluator(const std::vector<Node>& nodes, const Sizes& sizes) : m_nodes(nodes), m_sizes(sizes) {}

  Result<int64_t> value(int32_t index) const {
    const Node& node = m_nodes[static_cast<size_t>(index)];
    if (node.op == Op::kNumber) return node.number;
    if (node.op == Op::kName) return named(node.name);
    CARACAL_TRY(x, value(node.operands[0]));
    switch (node.op) {
      case Op::kNegate:
        return combined(Op::kSubtract, 0, x);
      case Op::kNot:
        return int64_t{x == 0};
      case Op::kChoose:
        return value(node.operands[x != 0 ? 1 : 2]);
      case Op::kAnd:
        if (x == 0) return int64_t{0};
        break;
      case Op::kOr:
        if (x != 0) return int64_t{1};
        break;
      default:
        break;
    }
    CARACAL_TRY(y, value(node.operands[1]));
    return combined(node.op, x, y);
  }

 private:
  Result<int64_t> named(const std::string& name) const {
    const auto found = m_sizes.find(name);
    if (found != m_sizes.end()) return found->second;
    std::string known;
    for (const auto& [other, ignored] : m_sizes) known += (known.empty() ? "" : ", ") + other;
    return fail(ErrorCode::kInvalidInput, "there is no size \"{}\"; known are {}", name, known);
  }

  static Result<int64_t> divided(Op op, int64_t x, int64_t y) {
    if (y <= 0) return fail(ErrorCode::kInvalidInput, "division of {} by {}", x, y);
    if (op == Op::kRemainder) return x % y;
    if (op == Op::kCeil) return x / y + (x % y > 0 ? 1 : 0);
    if (x % y == 0) return x / y;
    return fail(ErrorCode::kInvalidInput,
                "{} is no multiple of {}; choose sizes that divide, or write ceil(x, y) if a "
                "rounded-up share is meant",
                x, y);
  }

  static Result<int64_t> combined(Op op, int64_t x, int64_t y) {
    int64_t out = 0;
    bool overflowed = false;
    switch (op) {
      case Op::kMultiply:
        overflowed = __builtin_mul_overflow(x, y, &out);
        break;
      case Op::kAdd:
        overflowed = __builtin_add_overflow(x, y, &out);
        break;
      case Op::kSubtract:
        overflowed = __builtin_sub_overflow(x, y, &out);
        break;
      case Op::kDivide:
      case Op::kRemainder:
      case Op::kCeil:
        return divided(op, x, y);
      case Op::kLess:
        return int64_t{x < y};
      case Op::kLessEqual:
        return int64_t{x <= y};
      case Op::kGreater:
        return int64_t{x > y};
      case Op::kGreaterEqual:
        return int64_t{x >= y};
      case Op::kEqual:
        return int64_t{x == y};
      case Op::kNotEqual:
        return int64_t{x != y};
      case Op::kMin:
        return std::min(x, y);
      case Op::kMax:
        return std::max(x, y);
      default:  // kAnd, kOr: the left side left it open
        return int64_t{y != 0};
    }
    if (!overflowed) return out;
    return fail(ErrorCode::kInvalidInput, "the value exceeds 2^63; check the model's sizes");
  }

  const std::vector<Node>& m_nodes;
  const Sizes& m_sizes;
};

}  // namespace

Result<Expression> Expression::parse(std::string_view text) {
  Expression expression;
  expression.m_text = text;
  CARACAL_TRY(nodes, Parser(text).run());
  expression.m_nodes = std::move(nodes);
  return expression;
}

Expression Expression::constant(int64_t value) {
  Expression expression;
  expression.m_text = std::to_string(value);
  expression.m_nodes = {{Op::kNumber, value, {}, {-1, -1, -1}}};
  return expression;
}

Result<int64_t> Expression::evaluate(const Sizes& sizes) const {
  auto value = Evaluator(m_nodes, sizes).value(static_cast<int32_t>(m_nodes.size()) - 1);
  if (!value) value.error().message = "\"" + m_text + "\": " + value.error().message;
  return value;
}

}  // namespace caracal::profile
