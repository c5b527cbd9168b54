// The declarations that the table of verbs.cpp lists; each is defined in <name>_verb.cpp.
#pragma once

#include "app/cli/verb.h"

namespace caracal::cli {

VerbRun declareDoctor(CLI::App& command);
VerbRun declareRecord(CLI::App& command);
VerbRun declareInfo(CLI::App& command);
VerbRun declareAnalyze(CLI::App& command);
VerbRun declareProfile(CLI::App& command);
VerbRun declarePlan(CLI::App& command);
VerbRun declareSimulate(CLI::App& command);
VerbRun declareMeasure(CLI::App& command);
VerbRun declareCalibrate(CLI::App& command);
VerbRun declareCompare(CLI::App& command);
VerbRun declareExport(CLI::App& command);
VerbRun declareRender(CLI::App& command);
VerbRun declareProject(CLI::App& command);
VerbRun declareCache(CLI::App& command);

}  // namespace caracal::cli
