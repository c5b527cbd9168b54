#include "core/import/kineto/categories.h"

#include "core/import/kineto/name_table.h"

namespace caracal::import::kineto {
namespace {

using trace::EventKind;

struct Named {
  std::string_view name;
  Category category;
};

// Names from libkineto's activity types; the capitalised ones are of 2021 and before.
constexpr Named kCategories[] = {
    {"kernel", {EventKind::kKernel, RowKind::kGpu, true}},
    {"Kernel", {EventKind::kKernel, RowKind::kGpu, true}},
    {"gpu_memcpy", {EventKind::kMemcpy, RowKind::kGpu, true}},
    {"Memcpy", {EventKind::kMemcpy, RowKind::kGpu, true}},
    {"gpu_memset", {EventKind::kMemset, RowKind::kGpu, true}},
    {"Memset", {EventKind::kMemset, RowKind::kGpu, true}},
    {"gpu_user_annotation", {EventKind::kGpuAnnotation, RowKind::kGpu, true}},
    {"cuda_sync", {EventKind::kSync, RowKind::kGpu, true}},
    {"xpu_sync", {EventKind::kSync, RowKind::kGpu, true}},
    {"cuda_event", {EventKind::kCudaEvent, RowKind::kGpu, true}},
    {"cuda_runtime", {EventKind::kRuntime, RowKind::kHost, true}},
    {"Runtime", {EventKind::kRuntime, RowKind::kHost, true}},
    {"cuda_driver", {EventKind::kRuntime, RowKind::kHost, true}},
    {"xpu_runtime", {EventKind::kRuntime, RowKind::kHost, true}},
    {"xpu_driver", {EventKind::kRuntime, RowKind::kHost, true}},
    {"mtia_runtime", {EventKind::kRuntime, RowKind::kHost, true}},
    {"glow_runtime", {EventKind::kRuntime, RowKind::kHost, true}},
    {"privateuse1_runtime", {EventKind::kRuntime, RowKind::kHost, true}},
    {"privateuse1_driver", {EventKind::kRuntime, RowKind::kHost, true}},
    {"cpu_op", {EventKind::kCpuOp, RowKind::kHost, true}},
    {"Operator", {EventKind::kCpuOp, RowKind::kHost, true}},
    {"user_annotation", {EventKind::kAnnotation, RowKind::kHost, true}},
    {"python_function", {EventKind::kPythonFunction, RowKind::kHost, true}},
    {"cpu_instant_event", {EventKind::kInstant, RowKind::kHost, true}},
    {"overhead", {EventKind::kOverhead, RowKind::kGeneric, true}},
    {"Trace", {EventKind::kOther, RowKind::kGeneric, true}},
    {"mtia_ccp_events", {EventKind::kOther, RowKind::kGeneric, true}},
    {"mtia_insight", {EventKind::kOther, RowKind::kGeneric, true}},
    {"mtia_workloadd", {EventKind::kOther, RowKind::kGeneric, true}},
    {"mtia_counters", {EventKind::kOther, RowKind::kGeneric, true}},
    {"hpu_op", {EventKind::kOther, RowKind::kGeneric, true}},
    {"collective_comm", {EventKind::kOther, RowKind::kGeneric, true}},
    {"cuda_profiler_range", {EventKind::kOther, RowKind::kGeneric, true}},
    {"hardware_counters", {EventKind::kOther, RowKind::kGeneric, true}},
};

constexpr NameTable<Named, 128> kByName(kCategories, {.first = 1, .last = 17, .length = 3});

}  // namespace

Category categoryOf(std::string_view text) {
  const Named* const named = kByName.find(text);
  return named == nullptr ? Category{} : named->category;
}

FlowCategory flowCategoryOf(std::string_view text) {
  // 2021 files name launches "async", some later ones "async_cpu_to_gpu".
  if (text == "ac2g" || text == "async_cpu_to_gpu" || text == "async") return FlowCategory::kLaunch;
  return text == "fwdbwd" ? FlowCategory::kForwardBackward : FlowCategory::kOther;
}

}  // namespace caracal::import::kineto
