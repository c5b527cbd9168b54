#include "profiler/nvtx_hooks.h"

#include <string>

#include "profiler/nvtx_events.h"
#include "profiler/recorder.h"

namespace caracal::profiler {
namespace {

// Runs onRecorder(recorder) where something is recorded; nothing leaves as an exception.
template <class Answer, class OnRecorder>
Answer guarded(Answer otherwise, OnRecorder&& onRecorder) noexcept {
  try {
    Recorder* const recorder = Recorder::current();
    return recorder ? onRecorder(*recorder) : otherwise;
  } catch (...) {
    return otherwise;
  }
}

int NVTX_API domainPush(nvtxDomainHandle_t handle, const nvtxEventAttributes_t* attributes) {
  return guarded(0, [&](Recorder& recorder) {
    const NvtxDomain* const domain = domainOf(handle);
    Event event;
    describe(event, *domain, attributes);
    return recorder.push(event.range, domain->isCaracal);
  });
}
int NVTX_API push(const nvtxEventAttributes_t* attributes) {
  return domainPush(nullptr, attributes);
}
int NVTX_API pushText(const char* text) {
  return guarded(0,
                 [&](Recorder& recorder) { return recorder.push({.text = viewOf(text)}, false); });
}
int NVTX_API pushWide(const wchar_t* text) {
  return guarded(0, [&](Recorder& recorder) {
    const std::string narrow = utf8(text);
    return recorder.push({.text = narrow}, false);
  });
}
int NVTX_API domainPop(nvtxDomainHandle_t handle) {
  return guarded(0, [&](Recorder& recorder) { return recorder.pop(domainOf(handle)->id); });
}
int NVTX_API pop() {
  return domainPop(nullptr);
}

nvtxRangeId_t NVTX_API domainStart(nvtxDomainHandle_t handle,
                                   const nvtxEventAttributes_t* attributes) {
  return guarded(nvtxRangeId_t{0}, [&](Recorder& recorder) {
    Event event;
    describe(event, *domainOf(handle), attributes);
    return nvtxRangeId_t{recorder.startRange(event.range)};
  });
}
nvtxRangeId_t NVTX_API start(const nvtxEventAttributes_t* attributes) {
  return domainStart(nullptr, attributes);
}
nvtxRangeId_t NVTX_API startText(const char* text) {
  return guarded(nvtxRangeId_t{0}, [&](Recorder& recorder) {
    return nvtxRangeId_t{recorder.startRange({.text = viewOf(text)})};
  });
}
nvtxRangeId_t NVTX_API startWide(const wchar_t* text) {
  return guarded(nvtxRangeId_t{0}, [&](Recorder& recorder) {
    const std::string narrow = utf8(text);
    return nvtxRangeId_t{recorder.startRange({.text = narrow})};
  });
}
void NVTX_API endRange(nvtxRangeId_t id) {
  guarded(0, [&](Recorder& recorder) {
    recorder.endRange(id);
    return 0;
  });
}
void NVTX_API domainEndRange(nvtxDomainHandle_t, nvtxRangeId_t id) {
  endRange(id);
}

void NVTX_API domainMark(nvtxDomainHandle_t handle, const nvtxEventAttributes_t* attributes) {
  guarded(0, [&](Recorder& recorder) {
    Event event;
    describe(event, *domainOf(handle), attributes);
    recorder.mark(event.range);
    return 0;
  });
}
void NVTX_API mark(const nvtxEventAttributes_t* attributes) {
  domainMark(nullptr, attributes);
}
void NVTX_API markText(const char* text) {
  guarded(0, [&](Recorder& recorder) {
    recorder.mark({.text = viewOf(text)});
    return 0;
  });
}
void NVTX_API markWide(const wchar_t* text) {
  guarded(0, [&](Recorder& recorder) {
    const std::string narrow = utf8(text);
    recorder.mark({.text = narrow});
    return 0;
  });
}

// Names are kept whether something is recorded or not: a recording may begin later.
template <class Answer, class OnNames>
Answer named(OnNames&& onNames) noexcept {
  try {
    return onNames(NvtxNames::instance());
  } catch (...) {
    return Answer{};
  }
}

nvtxDomainHandle_t NVTX_API createDomain(const char* name) {
  return named<nvtxDomainHandle_t>(
      [&](NvtxNames& names) { return handleOf(names.domain(viewOf(name))); });
}
nvtxDomainHandle_t NVTX_API createDomainWide(const wchar_t* name) {
  return named<nvtxDomainHandle_t>(
      [&](NvtxNames& names) { return handleOf(names.domain(utf8(name))); });
}
nvtxStringHandle_t NVTX_API registerString(nvtxDomainHandle_t, const char* text) {
  return named<nvtxStringHandle_t>([&](NvtxNames& names) {
    return reinterpret_cast<nvtxStringHandle_t>(names.registeredString(viewOf(text)));
  });
}
nvtxStringHandle_t NVTX_API registerStringWide(nvtxDomainHandle_t, const wchar_t* text) {
  return named<nvtxStringHandle_t>([&](NvtxNames& names) {
    return reinterpret_cast<nvtxStringHandle_t>(names.registeredString(utf8(text)));
  });
}
void NVTX_API nameCategory(nvtxDomainHandle_t domain, uint32_t category, const char* name) {
  named<int>([&](NvtxNames& names) {
    names.nameCategory(domainOf(domain)->id, category, viewOf(name));
    return 0;
  });
}
void NVTX_API nameDefaultCategory(uint32_t category, const char* name) {
  nameCategory(nullptr, category, name);
}
void NVTX_API nameThread(uint32_t thread, const char* name) {
  named<int>([&](NvtxNames& names) {
    names.nameThread(thread, viewOf(name));
    return 0;
  });
}

uint64_t NVTX_API registerSchema(nvtxDomainHandle_t domain, const nvtxPayloadSchemaAttr_t* schema) {
  if (!schema) return 0;
  return named<uint64_t>(
      [&](NvtxNames& names) { return names.addSchema(domainOf(domain), *schema); });
}

// One function of a table, where the instance knows it.
struct Table {
  NvtxFunctionTable functions = nullptr;
  unsigned int size = 0;

  template <class Function>
  void set(unsigned int id, Function* function) {
    if (functions && id < size && functions[id])
      *functions[id] = reinterpret_cast<NvtxFunctionPointer>(function);
  }
};

Table tableOf(const NvtxExportTableCallbacks& callbacks, NvtxCallbackModule module) {
  Table table;
  if (!callbacks.GetModuleFunctionTable(module, &table.functions, &table.size)) return {};
  return table;
}

void fillCore(Table table) {
  table.set(NVTX_CBID_CORE_MarkEx, &mark);
  table.set(NVTX_CBID_CORE_MarkA, &markText);
  table.set(NVTX_CBID_CORE_MarkW, &markWide);
  table.set(NVTX_CBID_CORE_RangeStartEx, &start);
  table.set(NVTX_CBID_CORE_RangeStartA, &startText);
  table.set(NVTX_CBID_CORE_RangeStartW, &startWide);
  table.set(NVTX_CBID_CORE_RangeEnd, &endRange);
  table.set(NVTX_CBID_CORE_RangePushEx, &push);
  table.set(NVTX_CBID_CORE_RangePushA, &pushText);
  table.set(NVTX_CBID_CORE_RangePushW, &pushWide);
  table.set(NVTX_CBID_CORE_RangePop, &pop);
  table.set(NVTX_CBID_CORE_NameCategoryA, &nameDefaultCategory);
  table.set(NVTX_CBID_CORE_NameOsThreadA, &nameThread);
}

void fillDomains(Table table) {
  table.set(NVTX_CBID_CORE2_DomainMarkEx, &domainMark);
  table.set(NVTX_CBID_CORE2_DomainRangeStartEx, &domainStart);
  table.set(NVTX_CBID_CORE2_DomainRangeEnd, &domainEndRange);
  table.set(NVTX_CBID_CORE2_DomainRangePushEx, &domainPush);
  table.set(NVTX_CBID_CORE2_DomainRangePop, &domainPop);
  table.set(NVTX_CBID_CORE2_DomainNameCategoryA, &nameCategory);
  table.set(NVTX_CBID_CORE2_DomainRegisterStringA, &registerString);
  table.set(NVTX_CBID_CORE2_DomainRegisterStringW, &registerStringWide);
  table.set(NVTX_CBID_CORE2_DomainCreateA, &createDomain);
  table.set(NVTX_CBID_CORE2_DomainCreateW, &createDomainWide);
}

}  // namespace

bool attachNvtx(NvtxGetExportTableFunc_t getExportTable) noexcept {
  const void* const table = getExportTable ? getExportTable(NVTX_ETID_CALLBACKS) : nullptr;
  if (!table) return false;
  const auto& callbacks = *static_cast<const NvtxExportTableCallbacks*>(table);
  if (callbacks.struct_size < sizeof callbacks) return false;
  fillCore(tableOf(callbacks, NVTX_CB_MODULE_CORE));
  fillDomains(tableOf(callbacks, NVTX_CB_MODULE_CORE2));
  return true;
}

bool attachNvtxExtension(nvtxExtModuleInfo_t* module) noexcept {
  if (!module || module->moduleId != NVTX_EXT_PAYLOAD_MODULEID || module->segmentsCount == 0)
    return false;
  nvtxExtModuleSegment_t& segment = module->segments[0];
  if (segment.slotCount <= NVTX3EXT_CBID_nvtxPayloadSchemaRegister) return false;
  segment.functionSlots[NVTX3EXT_CBID_nvtxPayloadSchemaRegister] =
      reinterpret_cast<intptr_t>(&registerSchema);
  return true;
}

}  // namespace caracal::profiler
