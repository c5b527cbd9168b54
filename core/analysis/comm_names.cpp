#include "core/analysis/comm_names.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

namespace caracal::analysis {
namespace {

constexpr std::string_view kSchema = "caracal.comm-kernels/1";

char lower(char c) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

std::string lowered(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), lower);
  return result;
}

// `part` is lower case.
bool contains(std::string_view text, std::string_view part) {
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [](char a, char b) { return lower(a) == b; }) != text.end();
}

Result<CommNames> fromJson(const nlohmann::json& document) {
  if (!document.is_object() || !document.contains("schema") || document["schema"] != kSchema) {
    return fail(
        ErrorCode::kInvalidInput,
        "not a table of communication kernels: expected \"schema\": \"{}\"; start from a copy "
        "of resources/comm_kernels.json",
        kSchema);
  }
  const auto parts = document.find("parts");
  if (parts == document.end() || !parts->is_array() || parts->empty()) {
    return fail(ErrorCode::kInvalidInput, "\"parts\" must be a list of name parts, at least one");
  }
  CommNames names{{}};
  for (const nlohmann::json& part : *parts) {
    // An empty part would make every kernel communication.
    if (!part.is_string() || part.get_ref<const std::string&>().empty()) {
      return fail(ErrorCode::kInvalidInput,
                  "every entry of \"parts\" must be a non-empty text, not {}", part.dump());
    }
    names.parts.push_back(lowered(part.get_ref<const std::string&>()));
  }
  return names;
}

}  // namespace

bool CommNames::matches(std::string_view kernelName) const {
  return std::any_of(parts.begin(), parts.end(),
                     [&](const std::string& part) { return contains(kernelName, part); });
}

Result<CommNames> loadCommNames(const std::string& path) {
  std::ifstream file(path);
  if (!file)
    return fail(ErrorCode::kNotFound, "cannot open the table of communication kernels {}", path);
  const auto document = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) {
    return tl::unexpected(Error{ErrorCode::kInvalidInput, "not valid JSON", path});
  }
  auto names = fromJson(document);
  if (!names) return tl::unexpected(at(names.error(), path));
  return names;
}

trace::CollectiveKind collectiveOfKernel(std::string_view kernelName) {
  using trace::CollectiveKind;
  // Longer words first where one contains another.
  static constexpr std::array<std::pair<std::string_view, CollectiveKind>, 13> kWords{{
      {"crossdevicereduce", CollectiveKind::kAllReduce},  // vLLM's custom all-reduce
      {"allreduce", CollectiveKind::kAllReduce},
      {"reducescatter", CollectiveKind::kReduceScatter},
      {"allgather", CollectiveKind::kAllGather},
      {"alltoall", CollectiveKind::kAllToAll},
      {"broadcast", CollectiveKind::kBroadcast},
      {"sendrecv", CollectiveKind::kSendRecv},
      {"::dispatch", CollectiveKind::kAllToAll},  // DeepEP: tokens to their experts
      {"::combine", CollectiveKind::kAllToAll},   // and back
      {"barrier", CollectiveKind::kBarrier},
      {"reduce", CollectiveKind::kReduce},
      {"send", CollectiveKind::kSend},
      {"recv", CollectiveKind::kRecv},
  }};
  // The parameter list names types, not what the kernel does.
  std::string bare(kernelName.substr(0, kernelName.find('(')));
  std::erase(bare, '_');
  for (const auto& [word, kind] : kWords) {
    if (contains(bare, word)) return kind;
  }
  return CollectiveKind::kGeneric;
}

CommKernelFilter::CommKernelFilter(const trace::Trace& trace, const CommNames& comm)
    : m_trace(trace), m_comm(comm), m_verdicts(trace.names().size(), Verdict::kUnknown) {}

bool CommKernelFilter::isCommKernel(trace::EventIndex event) {
  if (m_trace.kind(event) != trace::EventKind::kKernel) return false;
  Verdict& verdict = m_verdicts[m_trace.nameId(event)];
  if (verdict == Verdict::kUnknown) {
    verdict = m_comm.matches(m_trace.name(event)) ? Verdict::kYes : Verdict::kNo;
  }
  return verdict == Verdict::kYes;
}

}  // namespace caracal::analysis
