// A program that looks to the recorder like a CUDA training job: it loads the injection library as
// the driver does, pushes NVTX ranges through NVTX's own headers, and "runs kernels" through the
// fake CUPTI. `fake_job MODE [NUMBER]`; the modes are the functions below.
#include <dlfcn.h>
#include <nvtx3/nvToolsExt.h>
#include <nvtx3/nvToolsExtPayload.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "tests/profiler/fake_cupti.h"
#include "tests/profiler/fake_job.h"

namespace {

using namespace caracal::fake_job;

void* g_cupti = nullptr;

template <class Function>
Function* fake(const char* name) {
  void* const function = ::dlsym(g_cupti, name);
  if (!function) {
    std::fprintf(stderr, "fake_job: the fake CUPTI has no %s\n", name);
    std::exit(3);
  }
  return reinterpret_cast<Function*>(function);
}
#define FAKE(function) fake<decltype(::function)>(#function)

// What cuInit does with CUDA_INJECTION64_PATH.
void initCuda() {
  g_cupti = ::dlopen(std::getenv("FAKE_JOB_CUPTI"), RTLD_NOW | RTLD_LOCAL);
  if (!g_cupti) std::fprintf(stderr, "fake_job: %s\n", ::dlerror());
  const char* const path = std::getenv("CUDA_INJECTION64_PATH");
  void* const library = path ? ::dlopen(path, RTLD_NOW | RTLD_LOCAL) : nullptr;
  if (!library) return;
  const auto init = reinterpret_cast<int (*)()>(::dlsym(library, "InitializeInjection"));
  if (init) init();
}

nvtxDomainHandle_t caracalDomain() {
  static const nvtxDomainHandle_t domain = nvtxDomainCreateA("caracal");
  return domain;
}

nvtxEventAttributes_t attributesOf(const char* text) {
  nvtxEventAttributes_t attributes{};
  attributes.version = NVTX_VERSION;
  attributes.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE;
  attributes.messageType = NVTX_MESSAGE_TYPE_ASCII;
  attributes.message.ascii = text;
  return attributes;
}

void pushCaracal(const std::string& text) {
  const nvtxEventAttributes_t attributes = attributesOf(text.c_str());
  nvtxDomainRangePushEx(caracalDomain(), &attributes);
}

// As NCCL does it: a domain of its own, registered names, a payload with a schema.
struct NcclPayload {
  uint64_t communicator;
  uint64_t bytes;
};

void pushNccl() {
  static const nvtxDomainHandle_t domain = nvtxDomainCreateA("NCCL");
  static const nvtxStringHandle_t name = nvtxDomainRegisterStringA(domain, "ncclAllReduce");
  static const uint64_t schema = [] {
    static const nvtxPayloadSchemaEntry_t entries[] = {
        {0, NVTX_PAYLOAD_ENTRY_TYPE_UINT64, "NCCL communicator ID", nullptr, 0,
         offsetof(NcclPayload, communicator), nullptr, nullptr},
        {0, NVTX_PAYLOAD_ENTRY_TYPE_UINT64, "Message size [bytes]", nullptr, 0,
         offsetof(NcclPayload, bytes), nullptr, nullptr}};
    nvtxPayloadSchemaAttr_t attributes{};
    attributes.fieldMask =
        NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_TYPE | NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_ENTRIES |
        NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_NUM_ENTRIES | NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_STATIC_SIZE |
        NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_SCHEMA_ID;
    attributes.type = NVTX_PAYLOAD_SCHEMA_TYPE_STATIC;
    attributes.entries = entries;
    attributes.numEntries = std::size(entries);
    attributes.payloadStaticSize = sizeof(NcclPayload);
    attributes.schemaId = NVTX_PAYLOAD_SCHEMA_ID_STATIC_START + 3;
    return nvtxPayloadSchemaRegister(domain, &attributes);
  }();
  const NcclPayload payload{0xABCD, kMessageBytes};
  nvtxPayloadData_t data;
  nvtxEventAttributes_t attributes = attributesOf(nullptr);
  attributes.messageType = NVTX_MESSAGE_TYPE_REGISTERED;
  attributes.message.registered = name;
  NVTX_PAYLOAD_EVTATTR_SET_DATA(attributes, &data, schema, &payload, sizeof payload);
  nvtxDomainRangePushEx(domain, &attributes);
  nvtxDomainRangePop(domain);
}

// One step of fixed GPU work from `startNs` on (fake_job.h has its figures).
void runStep(int step, uint64_t startNs) {
  const FakePlace compute{0, 1, 7, static_cast<uint32_t>(10 * step + 1)};
  const FakePlace comm{0, 1, 20, static_cast<uint32_t>(10 * step + 2)};
  pushCaracal("step:" + std::to_string(step));
  nvtxRangePushA("forward");
  FAKE(fakeApiCall)(kLaunchCall, startNs, startNs + 500, compute.correlation);
  FAKE(fakeExternal)(static_cast<uint64_t>(1000 + step), compute.correlation);
  FAKE(fakeKernel)(kGemm, startNs + 1000, startNs + 1000 + kGemmNs, compute);
  nvtxRangePop();
  pushNccl();
  FAKE(fakeKernel)
  (kAllReduce, startNs + 1000 + kGemmNs, startNs + 1000 + kGemmNs + kAllReduceNs, comm);
  FAKE(fakeCopy)(kCopyBytes, startNs + kStepNs - 2000, startNs + kStepNs - 2000 + kCopyNs, compute);
  FAKE(fakeSet)(64, startNs + kStepNs - 500, startNs + kStepNs - 400, compute);
  FAKE(fakeWait)(3, startNs + kStepNs - 300, startNs + kStepNs - 100, compute);
  nvtxDomainRangePop(caracalDomain());
}

void runSteps(int count) {
  const uint64_t start = FAKE(fakeNow)();
  FAKE(fakeDevice)(0, "Fake H200");
  FAKE(fakeContext)(1, 0, 0);
  for (int step = 0; step < count; ++step)
    runStep(step, start + static_cast<uint64_t>(step) * kStepNs);
}

// Waits for the recorder's periodic flush, which tests set to a few milliseconds.
void waitForFlush() {
  ::usleep(400'000);
}

// Steps in real time, so that a duration or an overhead can be measured.
void runSlowly(int count) {
  for (int step = 0; step < count; ++step) {
    runStep(step, FAKE(fakeNow)());
    ::usleep(2'000);
  }
}

void runThreads(int count) {
  // NVTX's headers set their function pointers up in the first call, which other threads read
  // without synchronisation.
  nvtxInitialize(nullptr);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([t, count] {
      for (int i = 0; i < count; ++i) {
        nvtxRangePushA("work");
        const uint64_t now = FAKE(fakeNow)();
        FAKE(fakeKernel)(kGemm, now, now + 100, {0, 1, static_cast<uint32_t>(t), 1});
        nvtxRangePop();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// The child speaks NVTX before it uses CUDA, then starts CUDA itself.
void runFork(bool parentUsesCuda) {
  if (parentUsesCuda) runSteps(2);
  nvtxRangePushA("parent");
  const pid_t child = ::fork();
  if (child == 0) {
    nvtxRangePushA("child before CUDA");
    nvtxRangePop();
    initCuda();
    runSteps(1);
    std::exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  nvtxRangePop();
  if (status != 0) std::exit(4);
}

void limitFiles() {
  const rlimit limit{kFileLimitBytes, kFileLimitBytes};
  ::setrlimit(RLIMIT_FSIZE, &limit);
}

// Everything that has a table of its own.
void runOddities() {
  const uint64_t now = FAKE(fakeNow)();
  FAKE(fakeDevice)(0, "Fake H200");
  FAKE(fakeContext)(1, 0, 0);
  FAKE(fakeContext)(5, 0, 32);
  FAKE(fakeKernel)("plain_c_kernel", now + 10, now + 20, {0, 5, 9, 1});
  FAKE(fakeKernel)("never_finished", 0, 0, {0, 1, 7, 2});
  FAKE(fakePeerCopy)(4096, 1, now + 20, now + 30, {0, 1, 7, 3});
  FAKE(fakeGraph)(42, now + 30, now + 90, {0, 1, 7, 4});
  FAKE(fakeOverhead)(now + 90, now + 95);
  const nvtxRangeId_t id = nvtxRangeStartA("across threads");
  std::thread([id] { nvtxRangeEnd(id); }).join();
  nvtxMarkA("a mark");
  nvtxRangePushW(L"w\u00efde");
  nvtxRangePop();
  nvtxEventAttributes_t attributes = attributesOf("with a number");
  attributes.payloadType = NVTX_PAYLOAD_TYPE_DOUBLE;
  attributes.payload.dValue = 2.5;
  nvtxRangePushEx(&attributes);
  nvtxRangePop();
  nvtxRangePushA("never popped");
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  const int number = argc > 2 ? std::atoi(argv[2]) : 1;
  if (mode == "fork-before-cuda") {
    runFork(false);
    return 0;
  }
  if (mode == "full-disk") limitFiles();
  initCuda();
  if (mode == "steps") runSteps(number);
  if (mode == "slow-steps") runSlowly(number);
  if (mode == "threads") runThreads(number);
  if (mode == "fork") runFork(true);
  if (mode == "oddities") runOddities();
  if (mode == "full-disk") runThreads(number);
  if (mode == "status") return number;
  if (mode == "leave") {
    runSteps(number);
    waitForFlush();
    ::_exit(7);
  }
  if (mode == "hang") {
    runSteps(number);
    waitForFlush();
    nvtxRangePushA("after the flush");
    std::puts("ready");
    std::fflush(stdout);
    for (;;) ::pause();
  }
  return 0;
}
