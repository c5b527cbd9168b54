#include <algorithm>
#include <set>

#include "core/profile/limits.h"
#include "core/profile/profile_json.h"

namespace caracal::profile {
namespace {

tl::unexpected<Error> invalid(const std::string& where, std::string message) {
  return tl::unexpected(Error{ErrorCode::kInvalidInput, std::move(message), where});
}

Result<void> checkFigures(const Operator& op, const std::string& where) {
  if (op.id.empty() || op.id == "input")
    return invalid(where, "an operator needs an id other than \"input\"");
  if (op.weightGradientNs() < 0 || op.weightGradientNs() > op.backwardNs)
    return invalid(where, "weightNs is a part of backwardNs: 0 to backwardNs");
  return {};
}

Result<void> checkOperators(const std::vector<Operator>& operators, const std::string& where) {
  std::set<std::string> all;
  for (const Operator& op : operators) {
    CARACAL_CHECK_OK(checkFigures(op, where + "." + op.id));
    if (!all.insert(op.id).second)
      return invalid(where + "." + op.id, "there are two operators of this id");
  }
  std::set<std::string> earlier{"input"};
  for (const Operator& op : operators) {
    const std::string place = where + "." + op.id;
    for (const std::string& input : op.inputs) {
      if (!all.contains(input) && input != "input")
        return invalid(place, fmt::format("its input \"{}\" is no operator here", input));
      if (!earlier.contains(input))
        return invalid(place, fmt::format("its input \"{}\" comes later in forward order", input));
    }
    for (const std::string& reader : op.savedFor) {
      if (!all.contains(reader))
        return invalid(place,
                       fmt::format("savedFor names \"{}\", which is no operator here", reader));
    }
    if (op.needed() == op.savedFor.empty()) {
      return invalid(
          place, op.needed() ? "saved bytes need the operators whose backward reads them (savedFor)"
                             : "savedFor names readers, but savedBytes is 0");
    }
    earlier.insert(op.id);
  }
  return {};
}

Result<void> checkWindows(const LayerKind& kind, const std::string& where) {
  std::set<std::string> seen;
  for (const Window& window : kind.windows) {
    const std::string place = where + ".windows." + window.id;
    if (!window.id.starts_with("fwd.") && !window.id.starts_with("bwd."))
      return invalid(place,
                     "windows of a layer are fwd.attn, fwd.mlp, bwd.mlp, bwd.attn and others "
                     "whose id begins with fwd. or bwd.");
    if (!seen.insert(window.id).second) return invalid(place, "there are two windows of this id");
    if (kind.indexOf(window.after) < 0)
      return invalid(
          place, fmt::format("\"after\" names \"{}\", which is no operator here", window.after));
  }
  return {};
}

Result<void> checkKind(const LayerKind& kind, const std::string& where) {
  if (kind.operators.empty()) return invalid(where, "a layer kind needs operators");
  CARACAL_CHECK_OK(checkLimits(kind, where));
  CARACAL_CHECK_OK(checkOperators(kind.operators, where));
  return checkWindows(kind, where);
}

Result<void> checkSizes(const Profile& profile) {
  const ParallelShape& parallel = profile.parallel;
  if (parallel.tensor < 1 || parallel.pipeline < 1 || parallel.data < 1 || parallel.context < 1 ||
      parallel.microBatches < 1) {
    return invalid("parallel", "sizes must be positive");
  }
  if (profile.layers.empty()) return invalid("layers", "a profile needs at least one layer");
  if (profile.layers.size() != static_cast<size_t>(profile.model.layers)) {
    return invalid("layers", fmt::format("lists {} layers, but the model has {}",
                                         profile.layers.size(), profile.model.layers));
  }
  if (profile.model.layers < parallel.pipeline) {
    return invalid("parallel.pipeline", fmt::format("{} layers cannot fill {} stages",
                                                    profile.model.layers, parallel.pipeline));
  }
  for (size_t i = 0; i < profile.layers.size(); ++i) {
    if (profile.layers[i] >= profile.kinds.size()) {
      return invalid(
          fmt::format("layers[{}]", i),
          fmt::format("names kind {}, but there are {}", profile.layers[i], profile.kinds.size()));
    }
  }
  return {};
}

}  // namespace

Result<void> validate(const LayerKind& kind) {
  return checkKind(kind, "kinds." + kind.id);
}

Result<void> validate(const Profile& profile) {
  CARACAL_CHECK_OK(checkSizes(profile));
  std::set<std::string> ids;
  for (const LayerKind& kind : profile.kinds) {
    if (!ids.insert(kind.id).second)
      return invalid("kinds." + kind.id, "there are two layer kinds of this id");
    CARACAL_CHECK_OK(validate(kind));
  }
  CARACAL_CHECK_OK(checkOperators(profile.first.operators, "first"));
  CARACAL_CHECK_OK(checkOperators(profile.last.operators, "last"));
  return checkLimits(profile);
}

}  // namespace caracal::profile
