#include "app/runs/run_progress.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace caracal::runs {
namespace {

using nlohmann::json;

// A member of another type, or none, reads as the default.
template <class T>
T member(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return T{};
  if constexpr (std::is_same_v<T, std::string>) {
    return found->is_string() ? found->template get<T>() : T{};
  } else {
    return found->is_number() ? found->template get<T>() : T{};
  }
}

std::vector<int64_t> numbers(const json& object, const char* name) {
  std::vector<int64_t> values;
  const auto found = object.find(name);
  if (found == object.end() || !found->is_array()) return values;
  for (const json& value : *found) values.push_back(value.is_number() ? value.get<int64_t>() : 0);
  return values;
}

}  // namespace

RunEvent parseRunLine(std::string_view line) {
  const json object = json::parse(line, nullptr, false);
  if (!object.is_object()) return {};
  const auto event = member<std::string>(object, "event");
  if (event == "start") {
    return RunStart{member<std::string>(object, "clock"), member<std::string>(object, "tag"),
                    member<std::string>(object, "policy"), member<int32_t>(object, "ranks"),
                    member<int32_t>(object, "steps")};
  }
  if (event == "step") {
    return RunStep{member<int32_t>(object, "step"), member<double>(object, "loss"),
                   member<int64_t>(object, "stepNs"), member<int64_t>(object, "peakBytes"),
                   numbers(object, "rankPeakBytes")};
  }
  if (event == "warning") return RunWarning{member<std::string>(object, "message")};
  if (event == "end") {
    return RunEnd{member<int32_t>(object, "steps"),
                  member<std::string>(object, "stopped") == "signal"};
  }
  if (event == "error") return RunError{member<std::string>(object, "message")};
  return {};
}

std::string stepWords(const RunStep& step, int32_t steps) {
  return fmt::format("step {} of {}, loss {:.3f}", step.step + 1, steps, step.loss);
}

}  // namespace caracal::runs
