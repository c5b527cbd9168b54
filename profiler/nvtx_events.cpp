#include "profiler/nvtx_events.h"

#include <algorithm>

namespace caracal::profiler {

// NVTX's wide strings are UTF-32 on Linux.
std::string utf8(const wchar_t* wide) {
  std::string text;
  for (; wide && *wide; ++wide) {
    const auto c = static_cast<uint32_t>(*wide);
    const auto put = [&](uint32_t byte) { text.push_back(static_cast<char>(byte)); };
    if (c < 0x80) {
      put(c);
    } else if (c < 0x800) {
      put(0xC0 | (c >> 6)), put(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
      put(0xE0 | (c >> 12)), put(0x80 | ((c >> 6) & 0x3F)), put(0x80 | (c & 0x3F));
    } else {
      put(0xF0 | ((c >> 18) & 0x07)), put(0x80 | ((c >> 12) & 0x3F));
      put(0x80 | ((c >> 6) & 0x3F)), put(0x80 | (c & 0x3F));
    }
  }
  return text;
}

const NvtxDomain* domainOf(nvtxDomainHandle_t handle) {
  static const NvtxDomain kDefault;
  return handle ? reinterpret_cast<const NvtxDomain*>(handle) : &kDefault;
}

nvtxDomainHandle_t handleOf(NvtxDomain* domain) {
  return reinterpret_cast<nvtxDomainHandle_t>(domain);
}

namespace {

constexpr uint32_t kNoPayloadType = 0;

void setMessage(Event& event, int32_t type, const nvtxMessageValue_t& message) {
  if (type == NVTX_MESSAGE_TYPE_ASCII) {
    event.range.text = viewOf(message.ascii);
  } else if (type == NVTX_MESSAGE_TYPE_UNICODE) {
    event.wide = utf8(message.unicode);
    event.range.text = event.wide;
  } else if (type == NVTX_MESSAGE_TYPE_REGISTERED && message.registered) {
    event.range.text = reinterpret_cast<const NvtxString*>(message.registered)->text;
  }
}

void setPayload(RangeEvent& range, const nvtxEventAttributes_t& attributes) {
  if (attributes.payloadType == NVTX_PAYLOAD_TYPE_EXT) {
    constexpr int32_t kMostPayloads = 16;
    const auto* const list =
        reinterpret_cast<const nvtxPayloadData_t*>(attributes.payload.ullValue);
    if (list && attributes.reserved0 > 0)
      range.extended = {list, static_cast<size_t>(std::min(attributes.reserved0, kMostPayloads))};
    return;
  }
  range.payloadType = static_cast<uint32_t>(attributes.payloadType);
  if (range.payloadType != kNoPayloadType) range.payload = attributes.payload.ullValue;
}

}  // namespace

void describe(Event& event, const NvtxDomain& domain, const nvtxEventAttributes_t* attributes) {
  event.range.domain = domain.id;
  if (!attributes) return;
  event.range.category = attributes->category;
  if (attributes->colorType == NVTX_COLOR_ARGB) event.range.color = attributes->color;
  setPayload(event.range, *attributes);
  setMessage(event, attributes->messageType, attributes->message);
}

}  // namespace caracal::profiler
