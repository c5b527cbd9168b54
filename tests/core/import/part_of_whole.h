// Whether a part of a run that is left out while files are read is what would be cut from the whole
// run.
#pragma once

#include <string>
#include <vector>

#include "core/import/importer.h"

namespace caracal::import {

// All that a trace says of its events, tracks, ranks and flows.
std::vector<std::string> contentOf(const trace::Trace& trace);

void expectPartOfTheWhole(const std::vector<std::string>& paths, const trace::Selection& part);

// That the file's importer holds fewer events for the part than for the whole.
void expectCutEarly(const std::string& path, const trace::Selection& part);

}  // namespace caracal::import
