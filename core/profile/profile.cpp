#include "core/profile/profile.h"

#include <algorithm>
#include <array>

namespace caracal::profile {
namespace {

constexpr std::array<std::string_view, 6> kKindNames{"gemm", "attention",  "elementwise",
                                                     "norm", "collective", "view"};

int64_t sumForward(const std::vector<Operator>& operators) {
  int64_t total = 0;
  for (const Operator& op : operators)
    total += op.kind == OperatorKind::kCollective ? 0 : op.forwardNs;
  return total;
}

int64_t sumBackward(const std::vector<Operator>& operators) {
  int64_t total = 0;
  for (const Operator& op : operators)
    total += op.kind == OperatorKind::kCollective ? 0 : op.backwardNs;
  return total;
}

int64_t sumCapacity(const std::vector<Window>& windows, std::string_view prefix) {
  int64_t total = 0;
  for (const Window& window : windows) {
    if (window.id.starts_with(prefix)) total += window.capacityNs();
  }
  return total;
}

}  // namespace

std::string_view name(OperatorKind kind) {
  return kKindNames[static_cast<size_t>(kind)];
}

std::optional<OperatorKind> operatorKindFromName(std::string_view text) {
  for (size_t i = 0; i < kKindNames.size(); ++i) {
    if (kKindNames[i] == text) return static_cast<OperatorKind>(i);
  }
  return std::nullopt;
}

int LayerKind::indexOf(const std::string& operatorId) const {
  const auto found = std::find_if(operators.begin(), operators.end(),
                                  [&](const Operator& op) { return op.id == operatorId; });
  return found == operators.end() ? -1 : static_cast<int>(found - operators.begin());
}

const Window* LayerKind::window(const std::string& windowId) const {
  const auto found = std::find_if(windows.begin(), windows.end(),
                                  [&](const Window& window) { return window.id == windowId; });
  return found == windows.end() ? nullptr : &*found;
}

// A collective that is no window takes its own time.
int64_t LayerKind::forwardNs() const {
  int64_t total = sumForward(operators) + sumCapacity(windows, "fwd.");
  for (const Operator& op : operators) {
    if (op.kind != OperatorKind::kCollective) continue;
    const bool isWindow = std::any_of(windows.begin(), windows.end(), [&](const Window& window) {
      return window.after == op.id && window.id.starts_with("fwd.");
    });
    total += isWindow ? 0 : op.forwardNs;
  }
  return total;
}
int64_t LayerKind::backwardNs() const {
  return sumBackward(operators) + sumCapacity(windows, "bwd.");
}

int64_t ModelEnd::forwardNs() const {
  return sumForward(operators);
}
int64_t ModelEnd::backwardNs() const {
  return sumBackward(operators);
}

int64_t ModelEnd::savedBytes() const {
  int64_t total = 0;
  for (const Operator& op : operators) total += op.savedBytes;
  return total;
}

}  // namespace caracal::profile
