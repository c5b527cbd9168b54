// A CUPTI of ours for tests: it has the entry points that the recorder uses and, for the fake job,
// functions that stand for GPU work. Activity records are delivered as CUPTI does it: in buffers
// that the client gave, one for each launching thread, completed by other threads, only when asked
// to flush or when full.
//
// Environment:
//   FAKE_CUPTI_VERSION   what cuptiGetVersion() says; decides the structs (19: CUDA 12.0, 28: 12.9,
//                        130001: 13.0). Default 130001.
//   FAKE_CUPTI_OTHER     set: another subscriber is there already
//   FAKE_CUPTI_DROPPED   records that CUPTI says it had no room for
//   FAKE_CUPTI_OWN_CLOCK set: the timestamp callback is refused, times are CLOCK_REALTIME
//   FAKE_CUPTI_LATE      set: buffers are completed only after the process's exit handlers ran
//   FAKE_CUPTI_KEEP      set: the unforced flush gives nothing back
#pragma once

#include <cstdint>

extern "C" {

struct FakePlace {
  uint32_t device, context, stream, correlation;
};

// Times are on CUPTI's clock. A kind that is not enabled leaves no record.
void fakeKernel(const char* name, uint64_t startNs, uint64_t endNs, FakePlace place);
void fakeCopy(uint64_t bytes, uint64_t startNs, uint64_t endNs, FakePlace place);
void fakePeerCopy(uint64_t bytes, uint32_t toDevice, uint64_t startNs, uint64_t endNs,
                  FakePlace place);
void fakeSet(uint64_t bytes, uint64_t startNs, uint64_t endNs, FakePlace place);
void fakeWait(uint32_t type, uint64_t startNs, uint64_t endNs, FakePlace place);
void fakeApiCall(uint32_t callbackId, uint64_t startNs, uint64_t endNs, uint32_t correlation);
void fakeExternal(uint64_t id, uint32_t correlation);
void fakeGraph(uint32_t graph, uint64_t startNs, uint64_t endNs, FakePlace place);
void fakeOverhead(uint64_t startNs, uint64_t endNs);
// multiprocessors: of a green context; 0: an ordinary one.
void fakeContext(uint32_t context, uint32_t device, uint32_t multiprocessors);
void fakeDevice(uint32_t device, const char* name);
uint64_t fakeNow();
}
