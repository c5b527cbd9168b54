// DataTable: figures as named columns and rows, the one shape in which tables leave Caracal (text,
// CSV and JSON of `caracal analyze --table`, exports of the app).
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <variant>
#include <vector>

#include "core/base/format.h"

namespace caracal::analysis {

// std::monostate: not known; an empty cell in text and CSV, null in JSON.
using Cell = std::variant<std::monostate, int64_t, double, std::string>;

// Of no whole: not known.
Cell percentOf(int64_t part, int64_t whole);

enum class Unit : uint8_t {
  kNone,
  kNs,
  kBytes,
  kPercent,
  kGigabytesPerSecond,
  kTime,  // a point in time, in ns on the run's clock; for people from DataTable::originNs on
};

struct Column {
  std::string key;  // lowerCamel, with the unit in it: "idleNs"; the key in CSV and JSON
  Unit unit = Unit::kNone;
};

struct DataTable {
  std::string name;
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;  // each as long as columns
  std::vector<std::string> notes;       // what a reader must know; printed below the text
  int64_t originNs = 0;                 // begin of the run
};

// A number with its unit, for people: "1.23 ms"; empty when it is not known.
std::string toText(const DataTable& table, size_t row, size_t column);
// "idleNs" -> "idle": the unit stands at each number.
std::string heading(const Column& column);
// RFC 4180: a header of keys, fields with commas, quotes or line ends quoted, lines end in CRLF.
// Numbers are written in full, never with units. Notes are left out.
std::string toCsv(const DataTable& table);
// {"name", "columns": [keys], "rows": [{key: value}], "notes": []}
nlohmann::ordered_json toJson(const DataTable& table);
// Numbers with units, for people; long names of events are shortened in the middle.
TextTable toText(const DataTable& table);

}  // namespace caracal::analysis
