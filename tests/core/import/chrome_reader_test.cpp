// Whole texts of Chrome traces to events: the same for every way to cut the text into blocks, and
// the same from the reader of plain entries as from the general one.
#include "core/import/chrome/chrome_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "core/import/chrome/event_parser.h"
#include "tests/core/import/test_files.h"

namespace caracal::import::chrome {
namespace {

std::string textOf(const ChromeEvent& event) {
  std::string text =
      fmt::format("{} name={} cat={} ts={} dur={} pid={} tid={} id={} args={}", event.phase,
                  event.name, event.category, event.time, event.duration, event.process,
                  event.thread, event.id, event.hasArguments);
  for (const Argument& argument : event.arguments)
    text += fmt::format(" {}:{}", argument.key, argument.value);
  return text;
}

struct Read {
  std::vector<std::string> events;
  int64_t entries = 0;
  std::map<std::string, std::string> members;
  trace::ImportReport report;
};

Read readIn(const std::string& path, size_t blockBytes) {
  Read read;
  const EventSink sink = [&](const ChromeEvent& event) { read.events.push_back(textOf(event)); };
  const auto document = readChromeTrace(path, sink, {}, {}, blockBytes);
  if (!document) throw std::runtime_error(document.error().text());
  read.entries = document->entries;
  read.members = document->members;
  read.report = document->report;
  return read;
}

// Entries that are plain, pretty-printed, in need of repair, long, and none.
std::string awkwardTrace() {
  std::string text = R"({"schemaVersion": 1, "baseTimeNanoseconds": 12, "traceEvents": [)";
  const std::string kEntries[] = {
      R"({"ph":"X","cat":"kernel","name":"gemm<1, 2>","pid":0,"tid":7,"ts":6322354308961.561,"dur":8,"args":{"grid":[1,[2],"]"],"device":0}})",
      "{\n  \"ph\": \"X\",\r\n\t\"name\": \"pretty\", \"args\": { }, \"ts\": -1.5e3 , \"tid\": "
      "\"stream 7\"}",
      R"({"name":"say \"hi\" \\","ph":"i","ts":"12","args":{"path":"C:\\x\"}"}})",
      "{\"name\":\"caf\xE9\",\"ph\":\"X\",\"ts\":1}",
      "{\"name\":\"caf\xC3\xA9\",\"ph\":\"X\",\"ts\":1}",
      R"({"name":"nan","ph":"X","ts":1,"args":{"x":NaN,"y":-Infinity,"z":null}})",
      "null, 12",
      "{}",
      R"({"name":)" + std::string(R"("long)") + std::string(3000, 'x') + R"(","ph":"X","ts":3})",
      R"({"name" "no colon","ph":"X","ts":1})",
      R"([1, 2])"};
  for (int round = 0; round < 5; ++round) {
    for (const std::string& entry : kEntries) text += entry + (round % 2 == 0 ? ",\n " : " ,");
  }
  return text + R"({"ph":"M"}],"distributedInfo": {"rank": 3, "list": [1, 2]}, "last": "x"})";
}

TEST(ChromeReader, blocksOfAnySizeGiveTheSameEvents) {
  const TemporaryFolder folder;
  const std::string path = folder.write("a.json", awkwardTrace());
  const Read whole = readIn(path, kBlockBytes);
  EXPECT_EQ(whole.entries, 5 * 12 + 1);
  EXPECT_EQ(whole.report.of(trace::Defect::kRepairedText), 5);
  EXPECT_EQ(whole.report.of(trace::Defect::kNonFiniteNumber), 5);
  EXPECT_EQ(whole.report.of(trace::Defect::kUnreadableEvent), 5);
  EXPECT_EQ(whole.report.of(trace::Defect::kNotAnObject), 15);
  EXPECT_EQ(whole.members.size(), 4u);
  for (size_t blockBytes = 1; blockBytes < 5000; blockBytes += 1 + blockBytes / 9) {
    SCOPED_TRACE(blockBytes);
    const Read cut = readIn(path, blockBytes);
    EXPECT_EQ(cut.events, whole.events);
    EXPECT_EQ(cut.entries, whole.entries);
    EXPECT_EQ(cut.members, whole.members);
    EXPECT_EQ(cut.report.counts, whole.report.counts);
  }
}

std::string randomEntry(std::mt19937_64& random) {
  static const char* kKeys[] = {"ph", "name", "cat", "ts", "dur", "pid", "tid", "id", "args", "bp"};
  static const char* kValues[] = {
      "\"X\"", "12",      "1.250",      "-3",       "null",
      "\"\"",  "\"a b\"", "true",       "[]",       "{\"k\": [1, {}], \"l\":\"]\"}",
      "1e3",   "{}",      "\"7\"",      "\"\\\"\"", "\"null\"",
      "0x1f",  "\"\\n\"", "\"\\u00e9\""};
  std::string text;
  std::vector<size_t> changeable;  // what lies inside a nested value only the general parser reads
  const auto add = [&](const std::string& piece, bool nested = false) {
    for (size_t i = 0; i < piece.size() && !nested; ++i) changeable.push_back(text.size() + i);
    text += piece;
  };
  const auto oneOf = [&](const auto& choices) {
    return std::string(choices[random() % std::size(choices)]);
  };
  add("{");
  const size_t members = random() % 9;
  for (size_t i = 0; i < members; ++i) {
    if (i > 0) add(",");
    add(std::string(random() % 3, ' '));
    add("\"" + oneOf(kKeys) + "\"");
    add(std::string(random() % 2, '\n') + ":");
    const std::string value = oneOf(kValues);
    add(value, value[0] == '{' || value[0] == '[');
  }
  add("}");
  if (random() % 4 == 0) {
    const size_t place = changeable[random() % changeable.size()];
    text[place] = "\"{}[],: xu\\\x01\xC3"[random() % 13];
  }
  if (random() % 8 == 0) text.insert(text.size() - 1, ",");
  return text;
}

TEST(ChromeReader, plainEntriesAreReadAsTheGeneralParserReadsThem) {
  const uint64_t seed = 4711;
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  EventParser parser;
  int compared = 0;
  for (int round = 0; round < 20'000; ++round) {
    const std::string entry = randomEntry(random);
    const std::string buffer = entry + std::string(kParserPadding, '\0');
    const std::string_view text(buffer.data(), entry.size());
    std::string plain, general;
    const size_t length =
        parser.parsePlain(text, [&](const ChromeEvent& event) { plain = textOf(event); });
    if (length != entry.size()) continue;
    trace::ImportReport report;
    parser.parse(
        text, [&](const ChromeEvent& event) { general = textOf(event); }, report);
    ASSERT_EQ(plain, general) << entry;
    ++compared;
  }
  EXPECT_GT(compared, 5000);
}

}  // namespace
}  // namespace caracal::import::chrome
