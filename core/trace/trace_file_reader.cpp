#include <algorithm>
#include <atomic>
#include <cstring>
#include <system_error>
#include <thread>

#include "core/base/checksum.h"
#include "core/trace/mapped_file.h"
#include "core/trace/trace_file.h"
#include "core/trace/trace_file_checks.h"
#include "core/trace/trace_file_layout.h"

namespace caracal::trace {
namespace {

using file::damaged;
using file::Header;
using file::Section;
using nlohmann::ordered_json;

class Reader {
 public:
  explicit Reader(std::shared_ptr<const MappedFile> mapping) : m_mapping(std::move(mapping)) {}

  Result<TraceFile> run() {
    CARACAL_CHECK_OK(readFront());
    CARACAL_CHECK_OK(checkSections());
    CARACAL_TRY(facts, readFacts());
    CARACAL_TRY(samples, file::takeFacts(facts["trace"], m_data));
    CARACAL_CHECK_OK(readNames());
    CARACAL_CHECK_OK(readCounters(samples));
    CARACAL_CHECK_OK(readEvents());
    CARACAL_CHECK_OK(file::checkEvents(m_data));
    CARACAL_CHECK_OK(file::checkArgs(m_data));
    CARACAL_CHECK_OK(readFlows());
    CARACAL_CHECK_OK(readActivity());
    return TraceFile{std::make_shared<const Trace>(std::move(m_data)), facts["key"]};
  }
  Result<ordered_json> key() {
    CARACAL_CHECK_OK(readFront());
    CARACAL_CHECK_OK(checkPlaces());
    if (!isWhole(file::kFacts)) return damaged("the checksum of its facts differs");
    CARACAL_TRY(facts, readFacts());
    return facts["key"];
  }

 private:
  Result<void> readFront();
  Result<void> checkPlaces() const;
  Result<void> checkSections() const;
  Result<ordered_json> readFacts() const;
  Result<void> readNames();
  Result<void> readCounters(const std::vector<size_t>& samples);
  Result<void> readEvents();
  Result<void> readFlows();
  Result<void> readActivity();
  Result<PackedColumn> column(size_t index, size_t size) const;

  std::span<const std::byte> bytesOf(size_t section) const {
    return m_mapping->bytes().subspan(m_sections[section].offset, m_sections[section].bytes);
  }
  bool isWhole(size_t section) const {
    return checksum64(bytesOf(section)) == m_sections[section].checksum;
  }
  // The section where it lies. Sections are aligned; bytes that make no whole value are left out.
  template <class T>
  SharedArray<T> arrayOf(size_t section) const {
    const auto bytes = bytesOf(section);
    return {{reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)}, m_mapping};
  }

  std::shared_ptr<const MappedFile> m_mapping;
  Header m_header;
  std::vector<Section> m_sections;
  TraceData m_data;
};

Result<void> Reader::readFront() {
  const auto all = m_mapping->bytes();
  if (all.size() < sizeof(Header) || std::memcmp(all.data(), file::kMagic.data(), 8) != 0)
    return fail(ErrorCode::kInvalidInput, "this is not a trace file of Caracal");
  std::memcpy(&m_header, all.data(), sizeof(Header));
  if (m_header.version != kTraceFileVersion) {
    return fail(ErrorCode::kUnsupported, "the trace file has version {}, this program reads {}",
                m_header.version, kTraceFileVersion);
  }
  const size_t frontBytes = sizeof(Header) + file::kSections * sizeof(Section);
  if (m_header.sections != file::kSections || all.size() < frontBytes)
    return damaged("it ends inside its section table");
  if (m_header.fileBytes != all.size())
    return damaged("it has {} of its {} bytes", all.size(), m_header.fileBytes);
  std::vector<std::byte> front(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(frontBytes));
  Header unchecked = m_header;
  unchecked.checksum = 0;
  std::memcpy(front.data(), &unchecked, sizeof(Header));
  if (checksum64(front) != m_header.checksum) return damaged("the checksum of its header differs");
  m_sections.resize(file::kSections);
  std::memcpy(m_sections.data(), front.data() + sizeof(Header), file::kSections * sizeof(Section));
  if (m_header.events >= kNoIndex || m_header.argsRows >= kNoIndex)
    return damaged("it claims {} events", m_header.events);
  return {};
}

Result<void> Reader::checkPlaces() const {
  const size_t size = m_mapping->bytes().size();
  for (const Section& section : m_sections) {
    if (section.offset % file::kAlignment != 0 || section.offset > size ||
        section.bytes > size - section.offset) {
      return damaged("a section reaches beyond its end");
    }
  }
  return {};
}

Result<ordered_json> Reader::readFacts() const {
  const auto text = bytesOf(file::kFacts);
  ordered_json facts =
      ordered_json::parse(reinterpret_cast<const char*>(text.data()),
                          reinterpret_cast<const char*>(text.data()) + text.size(), nullptr, false);
  if (!facts.is_object() || !facts.contains("key") || !facts.contains("trace"))
    return damaged("its facts are no JSON object with key and trace");
  return facts;
}

// Sections are checked side by side: a cold file is read as fast as the disk gives it.
Result<void> Reader::checkSections() const {
  CARACAL_CHECK_OK(checkPlaces());
  std::atomic<size_t> next{0}, bad{file::kSections};
  const auto work = [&] {
    for (size_t s = next++; s < file::kSections; s = next++) {
      if (checksum64(bytesOf(s)) != m_sections[s].checksum) bad = s;
    }
  };
  {
    constexpr size_t kWorthThreads = 64 << 20;
    std::vector<std::jthread> others;
    const unsigned threads = m_mapping->bytes().size() < kWorthThreads
                                 ? 1
                                 : std::clamp(std::thread::hardware_concurrency(), 1u, 8u);
    others.reserve(threads);
    try {
      for (unsigned t = 1; t < threads; ++t) others.emplace_back(work);
    } catch (const std::system_error&) {
      // No memory for one more stack: the threads that run check all sections.
    }
    work();
  }
  if (bad != file::kSections) return damaged("the checksum of section {} differs", bad.load());
  return {};
}

Result<void> Reader::readNames() {
  const auto texts = bytesOf(file::kNameTexts);
  const std::string_view all(reinterpret_cast<const char*>(texts.data()), texts.size());
  uint64_t begin = 0;
  NameId id = 0;
  for (const uint64_t end : arrayOf<uint64_t>(file::kNameEnds)) {
    if (end < begin || end > all.size() ||
        m_data.names.intern(all.substr(begin, end - begin)) != id) {
      return damaged("name {} is none or stands there twice", id);
    }
    begin = end;
    ++id;
  }
  if (id != m_data.names.size()) return damaged("its first name is not the empty one");
  m_data.names.shrink();
  return {};
}

Result<void> Reader::readCounters(const std::vector<size_t>& samples) {
  const auto times = arrayOf<int64_t>(file::kCounterTimes);
  const auto values = arrayOf<int64_t>(file::kCounterValues);
  size_t next = 0;
  for (size_t s = 0; s < samples.size(); ++s) {
    if (samples[s] > times.size() - next || times.size() != values.size())
      return damaged("counter {} has fewer samples than it claims", s);
    CounterSeries& series = m_data.counters[s];
    series.timesNs.assign(times.begin() + static_cast<std::ptrdiff_t>(next),
                          times.begin() + static_cast<std::ptrdiff_t>(next + samples[s]));
    series.values.assign(values.begin() + static_cast<std::ptrdiff_t>(next),
                         values.begin() + static_cast<std::ptrdiff_t>(next + samples[s]));
    next += samples[s];
  }
  return {};
}

Result<PackedColumn> Reader::column(size_t index, size_t size) const {
  auto blocks = arrayOf<PackedColumn::Block>(file::kFirstColumn + 2 * index);
  auto words = arrayOf<uint64_t>(file::kFirstColumn + 2 * index + 1);
  if (!PackedColumn::isSound(size, blocks.values(), words.size()))
    return damaged("a block of column {} reaches beyond its bits", index);
  return PackedColumn(size, std::move(blocks), std::move(words));
}

Result<void> Reader::readEvents() {
  EventStore& events = m_data.events;
  size_t index = 0;
  for (PackedColumn* target : {&events.begin, &events.duration, &events.name, &events.kind,
                               &events.launch, &events.argsRow}) {
    CARACAL_TRY(taken, column(index++, m_header.events));
    *target = std::move(taken);
  }
  std::array<PackedColumn, kArgFieldCount> fields;
  for (PackedColumn& target : fields) {
    CARACAL_TRY(taken, column(index++, m_header.argsRows));
    target = std::move(taken);
  }
  events.args = PackedArgs(std::move(fields));
  uint64_t ofTracks = 0;
  for (const Track& track : m_data.tracks) ofTracks += track.eventCount;
  if (ofTracks != m_header.events) return damaged("its tracks hold {} events", ofTracks);
  return {};
}

Result<void> Reader::readFlows() {
  const uint64_t events = m_header.events;
  for (const file::FlowRecord& flow : arrayOf<file::FlowRecord>(file::kFlows)) {
    if (flow.from >= events || flow.to >= events ||
        flow.kind > static_cast<uint32_t>(FlowKind::kDependency)) {
      return damaged("a flow leads nowhere");
    }
    m_data.flows.push_back({flow.from, flow.to, static_cast<FlowKind>(flow.kind)});
  }
  m_data.flows.shrink_to_fit();
  return {};
}

Result<void> Reader::readActivity() {
  auto leaves = arrayOf<ActivityLeaf>(file::kLeaves);
  auto nodes = arrayOf<ActivityNode>(file::kNodes);
  size_t leavesNeeded = 0, nodesNeeded = 0;
  for (const Track& track : m_data.tracks) {
    leavesNeeded += Activity::leavesFor(track.eventCount);
    nodesNeeded += Activity::nodesFor(track.eventCount);
  }
  if (leaves.size() != leavesNeeded || nodes.size() != nodesNeeded)
    return damaged("its activity is not that of its tracks");
  CARACAL_CHECK_OK(file::checkLeaves(leaves.values()));
  m_data.activity = {trackEventsOf(m_data.tracks), std::move(leaves), std::move(nodes)};
  return {};
}

}  // namespace

Result<ordered_json> readTraceFileKey(const std::string& path) {
  CARACAL_TRY(mapping, MappedFile::open(path));
  auto key = Reader(std::move(mapping)).key();
  if (!key) return tl::unexpected(at(key.error(), path));
  return key;
}

Result<TraceFile> readTraceFile(const std::string& path) {
  CARACAL_TRY(mapping, MappedFile::open(path));
  auto read = Reader(std::move(mapping)).run();
  if (!read) return tl::unexpected(at(read.error(), path));
  return read;
}

}  // namespace caracal::trace
