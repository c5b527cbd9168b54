#include "app/cli/layer_list.h"

#include <algorithm>
#include <charconv>

namespace caracal::cli {

Result<std::vector<int32_t>> parseLayerList(const std::string& text) {
  std::vector<int32_t> layers;
  if (text.empty()) return layers;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    int32_t count = 0;
    const auto [rest, error] = std::from_chars(text.data() + begin, text.data() + end, count);
    if (error != std::errc{} || rest != text.data() + end) {
      return fail(ErrorCode::kInvalidInput, "'{}' is not a list of layer counts such as 4,4,3,3",
                  text);
    }
    if (count <= 0) {
      return fail(ErrorCode::kInvalidInput,
                  "'{}' gives stage {} {} layers; every stage needs at least one", text,
                  layers.size(), count);
    }
    layers.push_back(count);
    begin = end + 1;
  }
  return layers;
}

}  // namespace caracal::cli
