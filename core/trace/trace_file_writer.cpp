#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "core/base/checksum.h"
#include "core/base/system_message.h"
#include "core/trace/trace_file.h"
#include "core/trace/trace_file_layout.h"

namespace caracal::trace {
namespace {

using file::Header;
using file::Section;
using nlohmann::ordered_json;

constexpr size_t kPiece = 4 << 20;  // written between two looks at the stop token

using Bytes = std::span<const std::byte>;

// A file beside `path` that takes its name when everything is in it, and vanishes otherwise.
class NewFile {
 public:
  explicit NewFile(const std::string& path) : m_path(path), m_temporary(path + ".XXXXXX") {
    m_file = ::mkstemp(m_temporary.data());
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile() {
    if (m_file < 0) return;
    ::close(m_file);
    ::unlink(m_temporary.c_str());
  }
  bool isOpen() const { return m_file >= 0; }

  Result<void> write(Bytes bytes, const std::stop_token& stop) {
    while (!bytes.empty()) {
      if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "writing was cancelled");
      const ssize_t done = ::write(m_file, bytes.data(), std::min(bytes.size(), kPiece));
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) return problem();
      bytes = bytes.subspan(static_cast<size_t>(done));
    }
    return {};
  }
  Result<void> finish() {
    const bool closed = ::close(m_file) == 0;
    const bool named = closed && std::rename(m_temporary.c_str(), m_path.c_str()) == 0;
    m_file = -1;
    if (named) return {};
    auto error = problem();
    ::unlink(m_temporary.c_str());
    return error;
  }
  tl::unexpected<Error> problem() const {
    return tl::unexpected(Error{ErrorCode::kIo,
                                fmt::format("the file cannot be written: {}", systemMessage(errno)),
                                m_path});
  }

 private:
  std::string m_path;
  std::string m_temporary;
  int m_file = -1;
};

template <class Values>
Bytes bytesOf(const Values& values) {
  return std::as_bytes(std::span(values.data(), values.size()));
}

// The sections that are not lying in the trace as they are written.
struct Copies {
  std::string facts;
  std::string nameTexts;
  std::vector<uint64_t> nameEnds;
  std::vector<file::FlowRecord> flows;
  std::vector<int64_t> counterTimes, counterValues;
};

Copies copiesOf(const TraceData& data, const ordered_json& key) {
  Copies copies;
  copies.facts = ordered_json{{"key", key}, {"trace", file::factsOf(data)}}.dump(
      -1, ' ', false, ordered_json::error_handler_t::replace);
  for (NameId id = 0; id < data.names.size(); ++id) {
    copies.nameTexts += data.names[id];
    copies.nameEnds.push_back(copies.nameTexts.size());
  }
  for (const Flow& flow : data.flows)
    copies.flows.push_back({flow.from, flow.to, static_cast<uint32_t>(flow.kind)});
  for (const CounterSeries& series : data.counters) {
    copies.counterTimes.insert(copies.counterTimes.end(), series.timesNs.begin(),
                               series.timesNs.end());
    copies.counterValues.insert(copies.counterValues.end(), series.values.begin(),
                                series.values.end());
  }
  return copies;
}

std::vector<Bytes> sectionsOf(const TraceData& data, const Copies& copies) {
  std::vector<Bytes> sections{bytesOf(copies.facts),           bytesOf(copies.nameTexts),
                              bytesOf(copies.nameEnds),        bytesOf(copies.flows),
                              bytesOf(copies.counterTimes),    bytesOf(copies.counterValues),
                              bytesOf(data.activity.leaves()), bytesOf(data.activity.nodes())};
  const auto add = [&](const PackedColumn& column) {
    sections.push_back(bytesOf(column.blocks()));
    sections.push_back(bytesOf(column.words()));
  };
  const EventStore& events = data.events;
  for (const PackedColumn* column : {&events.begin, &events.duration, &events.name, &events.kind,
                                     &events.launch, &events.argsRow}) {
    add(*column);
  }
  for (const PackedColumn& column : events.args.columns()) add(column);
  return sections;
}

uint64_t aligned(uint64_t offset) {
  return (offset + file::kAlignment - 1) / file::kAlignment * file::kAlignment;
}

// Header and section table, as they stand at the file's begin.
std::vector<std::byte> frontOf(const TraceData& data, const std::vector<Bytes>& sections) {
  std::vector<Section> table;
  uint64_t offset = sizeof(Header) + sections.size() * sizeof(Section);
  for (const Bytes& section : sections) {
    offset = aligned(offset);
    table.push_back({offset, section.size(), checksum64(section)});
    offset += section.size();
  }
  Header header;
  header.version = kTraceFileVersion;
  header.sections = static_cast<uint32_t>(sections.size());
  header.fileBytes = offset;
  header.events = data.events.size();
  header.argsRows = data.events.args.size();
  std::vector<std::byte> front(sizeof(Header) + table.size() * sizeof(Section));
  std::memcpy(front.data(), &header, sizeof(header));
  std::memcpy(front.data() + sizeof(header), table.data(), table.size() * sizeof(Section));
  header.checksum = checksum64(front);
  std::memcpy(front.data(), &header, sizeof(header));
  return front;
}

}  // namespace

Result<void> writeTraceFile(const Trace& trace, const ordered_json& key, const std::string& path,
                            const std::stop_token& stop) {
  if (trace.range().beginNs < -file::kLatestNs || trace.range().endNs >= file::kLatestNs)
    return fail(ErrorCode::kUnsupported, "the run has times that a trace file does not hold");
  const Copies copies = copiesOf(trace.data(), key);
  const std::vector<Bytes> sections = sectionsOf(trace.data(), copies);
  const std::vector<std::byte> front = frontOf(trace.data(), sections);
  NewFile output(path);
  if (!output.isOpen()) return output.problem();
  CARACAL_CHECK_OK(output.write(front, stop));
  uint64_t offset = front.size();
  constexpr std::array<std::byte, file::kAlignment> kZeros{};
  for (const Bytes& section : sections) {
    CARACAL_CHECK_OK(output.write(Bytes(kZeros).first(aligned(offset) - offset), stop));
    CARACAL_CHECK_OK(output.write(section, stop));
    offset = aligned(offset) + section.size();
  }
  return output.finish();
}

}  // namespace caracal::trace
