// Domains, registered strings and payload schemas of NVTX in this process. Handles are addresses of
// entries that live as long as the process: a program may use them at any time.
#pragma once

#include <nvtx3/nvToolsExtPayload.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "profiler/record_buffer.h"

namespace caracal::profiler {

// A text that a program handed to NVTX; nullptr is empty.
inline std::string_view viewOf(const char* text) {
  return text != nullptr ? std::string_view(text) : std::string_view();
}

struct NvtxDomain {
  uint32_t id = 0;  // 0: the default domain
  bool isCaracal = false;
};

struct NvtxString {
  std::string text;
};

// Thread-safe; outlives recordings. What it defines is kept as records, so that a recording that
// begins later, in a forked child for example, can be told everything.
class NvtxNames {
 public:
  static NvtxNames& instance();

  // Libraries that create a domain of the same name share it.
  NvtxDomain* domain(std::string_view name);
  NvtxString* registeredString(std::string_view text);
  void nameCategory(uint32_t domain, uint32_t category, std::string_view name);
  void nameThread(uint32_t threadId, std::string_view name);
  // The schema's id: the program's where it chose one.
  uint64_t addSchema(const NvtxDomain* domain, const nvtxPayloadSchemaAttr_t& schema);

  // The definitions from `known` on; advances `known` to their end.
  RecordBuffer definitionsSince(size_t& known);

  // Around fork(), so that the child finds the lock free.
  void lock() { m_mutex.lock(); }
  void unlock() { m_mutex.unlock(); }

 private:
  void addName(recorder::RecordKind kind, uint32_t domain, uint32_t number, std::string_view name);

  std::mutex m_mutex;  // guards everything below
  std::map<std::string, std::unique_ptr<NvtxDomain>, std::less<>> m_domains;
  std::map<std::string, std::unique_ptr<NvtxString>, std::less<>> m_strings;
  std::vector<RecordBuffer> m_definitions;
  uint64_t m_nextSchema = NVTX_PAYLOAD_SCHEMA_ID_DYNAMIC_START;
};

}  // namespace caracal::profiler
