#include "core/import/kineto/process_groups.h"

#include <algorithm>
#include <cctype>

#include "core/import/chrome/decimal.h"

namespace caracal::import::kineto {
namespace {

using chrome::signedInteger;
using chrome::unescaped;
using chrome::withoutQuotes;
using trace::CollectiveKind;
using trace::EventArgs;
using trace::ProcessGroup;
using trace::TraceBuilder;

constexpr int32_t kLargestRank = 1 << 24;

std::optional<int32_t> smallNumber(std::string_view json) {
  const auto value = signedInteger(withoutQuotes(json));
  if (!value || *value < 0 || *value > kLargestRank) return std::nullopt;
  return static_cast<int32_t>(*value);
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// The ranks a collective's group has: as listed, or from start, stride and size when the list is
// cut.
std::vector<int32_t> ranksOf(const Arguments& arguments, int32_t size) {
  if (auto listed = rankList(withoutQuotes(arguments.groupRanks))) return std::move(*listed);
  const auto start = smallNumber(arguments.rankStart);
  const auto stride = smallNumber(arguments.rankStride);
  std::vector<int32_t> ranks;
  if (!start || !stride || *stride == 0) return ranks;
  for (int32_t i = 0; i < size && *start + int64_t{i} * *stride <= kLargestRank; ++i) {
    ranks.push_back(*start + i * *stride);
  }
  return ranks;
}

}  // namespace

CollectiveKind collectiveKind(std::string_view name) {
  std::string plain;
  for (const char c : name) {
    if (c != '_') plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  if (contains(plain, "allreduce")) return CollectiveKind::kAllReduce;
  if (contains(plain, "allgather")) return CollectiveKind::kAllGather;
  if (contains(plain, "reducescatter")) return CollectiveKind::kReduceScatter;
  if (contains(plain, "alltoall")) return CollectiveKind::kAllToAll;
  if (contains(plain, "broadcast")) return CollectiveKind::kBroadcast;
  if (contains(plain, "barrier")) return CollectiveKind::kBarrier;
  if (contains(plain, "sendrecv")) return CollectiveKind::kSendRecv;
  if (contains(plain, "send")) return CollectiveKind::kSend;
  if (contains(plain, "recv")) return CollectiveKind::kRecv;
  if (contains(plain, "wait")) return CollectiveKind::kWait;
  if (contains(plain, "reduce")) return CollectiveKind::kReduce;
  return CollectiveKind::kGeneric;
}

std::optional<int64_t> elementBytes(std::string_view dtype) {
  // c10::ScalarType's names.
  static const std::unordered_map<std::string_view, int64_t> kBytes{{"Byte", 1},
                                                                    {"Char", 1},
                                                                    {"Bool", 1},
                                                                    {"Short", 2},
                                                                    {"Int", 4},
                                                                    {"Long", 8},
                                                                    {"UInt16", 2},
                                                                    {"UInt32", 4},
                                                                    {"UInt64", 8},
                                                                    {"Half", 2},
                                                                    {"BFloat16", 2},
                                                                    {"Float", 4},
                                                                    {"Double", 8},
                                                                    {"ComplexHalf", 4},
                                                                    {"ComplexFloat", 8},
                                                                    {"ComplexDouble", 16},
                                                                    {"Float8_e4m3fn", 1},
                                                                    {"Float8_e5m2", 1},
                                                                    {"Float8_e4m3fnuz", 1},
                                                                    {"Float8_e5m2fnuz", 1},
                                                                    {"Float8_e8m0fnu", 1},
                                                                    {"QInt8", 1},
                                                                    {"QUInt8", 1},
                                                                    {"QInt32", 4}};
  const auto found = kBytes.find(dtype);
  if (found == kBytes.end()) return std::nullopt;
  return found->second;
}

std::optional<std::vector<int32_t>> rankList(std::string_view text) {
  std::vector<int32_t> ranks;
  size_t at = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '[' || c == ']' || c == ',' || c == ' ') {
      ++at;
      continue;
    }
    const size_t end = std::min(text.find_first_of("], ", at), text.size());
    const auto rank = smallNumber(text.substr(at, end - at));
    if (!rank) return std::nullopt;
    ranks.push_back(*rank);
    at = end;
  }
  if (ranks.empty()) return std::nullopt;
  return ranks;
}

uint32_t ProcessGroups::groupOf(const Arguments& arguments, TraceBuilder& builder) {
  if (arguments.groupName.empty()) return trace::kNoIndex;
  std::string name(withoutQuotes(arguments.groupName));
  const auto known = m_groups.find(name);
  // Rows of `wait` list no ranks and say size 1: a later row of the group may know more.
  if (known != m_groups.end() && !builder.group(known->second).ranks.empty()) return known->second;
  ProcessGroup group;
  group.name = name;
  group.description = unescaped(arguments.groupDescription);
  group.size = smallNumber(arguments.groupSize).value_or(0);
  group.ranks = ranksOf(arguments, group.size);
  group.size = std::max(group.size, static_cast<int32_t>(group.ranks.size()));
  if (known != m_groups.end()) {
    if (group.size > builder.group(known->second).size)
      builder.group(known->second) = std::move(group);
    return known->second;
  }
  const uint32_t index = builder.addGroup(std::move(group));
  m_groups.emplace(std::move(name), index);
  return index;
}

std::optional<EventArgs> ProcessGroups::argsOf(const Arguments& arguments, TraceBuilder& builder) {
  if (arguments.collective.empty()) return std::nullopt;
  EventArgs args;
  args.collective = collectiveKind(withoutQuotes(arguments.collective));
  const std::string_view dtype = withoutQuotes(arguments.dtype);
  if (!dtype.empty()) args.dtype = builder.intern(dtype);
  const auto elements = signedInteger(withoutQuotes(arguments.inElements));
  const auto size = elementBytes(dtype);
  if (elements && size && *elements >= 0 && *elements < std::numeric_limits<int64_t>::max() / 16) {
    args.bytes = *elements * *size;
  }
  args.sequence = signedInteger(withoutQuotes(arguments.sequence)).value_or(-1);
  args.group = groupOf(arguments, builder);
  if (args.collective == CollectiveKind::kSend)
    args.peer = smallNumber(arguments.destinationRank).value_or(-1);
  if (args.collective == CollectiveKind::kRecv)
    args.peer = smallNumber(arguments.sourceRank).value_or(-1);
  return args;
}

void ProcessGroups::complete(const std::vector<ProcessGroup>& configured, TraceBuilder& builder) {
  for (const ProcessGroup& group : configured) {
    const auto known = m_groups.find(group.name);
    if (known == m_groups.end()) {
      builder.addGroup(group);
    } else if (!group.ranks.empty()) {
      builder.group(known->second) = group;
    }
  }
}

}  // namespace caracal::import::kineto
