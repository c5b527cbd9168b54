// Rank numbers of inputs that do not say theirs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/trace/trace_builder.h"

namespace caracal::import {

// The number behind "rank" or "worker" in a file name ("rank-3.json.gz", "worker0.pt.trace.json",
// "...-rank3-chrome-trace.json.gz"), or the one after "kineto_"; nothing when there is none.
std::optional<int32_t> rankFromFileName(std::string_view path);

// Where the names of all files differ in one number and in nothing else, and these count from 0
// ("trace_0.json" to "trace_11.json"): the numbers, in the order of `paths`. Else empty: numbers
// that do not begin at 0 may be process ids.
std::vector<int32_t> ranksFromNumberedNames(const std::vector<std::string>& paths);

// What a file says of its rank without being read whole: "rank" of "distributedInfo" in its first
// bytes, as PyTorch writes it in front of the events, else its name.
std::optional<int32_t> rankFromHead(const std::string& path);

// Gives every rank that has none (Rank::rank < 0) its number: from Rank::file's name when the file
// has one rank, from numbered names where no file tells any, else the lowest free number in the
// order of the builders, counted as kUnknownRank. Sets Rank::foundBy; an importer that orders the
// ranks of its file may have said how before.
void numberRanks(std::vector<trace::TraceBuilder>& builders);

}  // namespace caracal::import
