#include "core/import/kineto/matrix_products.h"

#include <array>
#include <charconv>
#include <vector>

namespace caracal::import::kineto {
namespace {

struct Product {
  std::string_view name;
  size_t left;   // index of the left factor among the inputs
  size_t ranks;  // of its shape: 3 for batches of matrices
};
constexpr std::array kProducts{Product{"aten::mm", 0, 2}, Product{"aten::bmm", 0, 3},
                               Product{"aten::addmm", 1, 2}, Product{"aten::baddbmm", 1, 3}};

struct ElementSize {
  std::string_view type;
  int64_t bytes;
};
constexpr std::array kElementSizes{ElementSize{"float", 4}, ElementSize{"c10::BFloat16", 2},
                                   ElementSize{"c10::Half", 2}, ElementSize{"double", 8}};

constexpr int64_t kMostBytes = int64_t{1} << 50;

const Product* productOf(std::string_view name) {
  for (const Product& product : kProducts) {
    if (product.name == name) return &product;
  }
  return nullptr;
}

using Shape = std::vector<int64_t>;

// "[[8192, 4096], [4096, 1536], []]"; deeper lists (lists of tensors) are no products' inputs.
std::vector<Shape> shapesOf(std::string_view json) {
  std::vector<Shape> shapes;
  int depth = 0;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (c == '[' && ++depth == 2) shapes.emplace_back();
    if (c == ']') --depth;
    if (depth != 2 || c < '0' || c > '9') continue;
    int64_t value = 0;
    const auto [end, error] = std::from_chars(json.data() + i, json.data() + json.size(), value);
    if (error != std::errc()) return {};
    shapes.back().push_back(value);
    i = static_cast<size_t>(end - json.data()) - 1;
  }
  return shapes;
}

// Of the input number `index` in ["c10::Half", "Scalar"].
int64_t elementBytes(std::string_view json, size_t index) {
  size_t begin = 0;
  for (size_t quote = 0; quote < 2 * index + 1; ++quote) {
    begin = json.find('"', begin);
    if (begin == std::string_view::npos) return 0;
    ++begin;
  }
  const std::string_view type = json.substr(begin, json.find('"', begin) - begin);
  for (const ElementSize& size : kElementSizes) {
    if (size.type == type) return size.bytes;
  }
  return 0;
}

}  // namespace

bool isMatrixProduct(std::string_view operatorName) {
  return productOf(operatorName) != nullptr;
}

std::optional<int64_t> matrixProductBytes(std::string_view operatorName,
                                          std::string_view inputDimensions,
                                          std::string_view inputTypes) {
  const Product* product = productOf(operatorName);
  const std::vector<Shape> shapes = shapesOf(inputDimensions);
  if (product == nullptr || shapes.size() < product->left + 2) return std::nullopt;
  const Shape& left = shapes[product->left];
  const Shape& right = shapes[product->left + 1];
  if (left.size() != product->ranks || right.size() != product->ranks) return std::nullopt;
  int64_t bytes = elementBytes(inputTypes, product->left);
  // All of the left factor's dimensions but the last, times the right one's last.
  Shape output(left.begin(), left.end() - 1);
  output.push_back(right.back());
  for (const int64_t dimension : output) {
    if (dimension <= 0 || bytes > kMostBytes / dimension) return std::nullopt;
    bytes *= dimension;
  }
  return bytes > 0 ? std::optional(bytes) : std::nullopt;
}

}  // namespace caracal::import::kineto
