// Tables about runs, as values: what the panels show, tested without widgets. Every figure comes
// from core; nothing is computed again here.
#pragma once

#include <vector>

#include "app/ui/panels/figure_table.h"
#include "app/ui/theme/palette.h"
#include "app/ui/timeline/block_text.h"
#include "app/ui/workspace/loaded_run.h"
#include "core/analysis/figures.h"

namespace caracal::ui {

// The same figures as `caracal analyze`: one row a device.
FigureTable deviceTable(const std::vector<analysis::DeviceFigures>& figures);
// Stages with bubbles by cause, per step. Empty without a step model.
FigureTable stageTable(const LoadedRun& run, const Theme& theme);
// What the load repaired, dropped or did not understand, and how facts were found.
FigureTable qualityTable(const LoadedRun& run, const Theme& theme);
FigureTable detailsTable(const std::vector<BlockFact>& facts);

}  // namespace caracal::ui
