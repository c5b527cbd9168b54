// Tables about a measurement, as values. Figures come from core.
#pragma once

#include "app/runs/measurement.h"
#include "app/ui/panels/figure_table.h"
#include "app/ui/theme/palette.h"
#include "core/profile/calibration.h"

namespace caracal::ui {

// "+2.3 %": how far the prediction is off, of the measured; "–" where nothing was measured.
QString errorText(int64_t predicted, int64_t measured);
// In the warning colour above kNotableErrorPct.
Cell errorCell(int64_t predicted, int64_t measured, const Theme& theme);
inline constexpr double kNotableErrorPct = 5;

// Step, then stage by stage: predicted, measured, error.
FigureTable measuredTable(const runs::Measurement& measurement, const Theme& theme);
// What to mind when reading it: the note of the prediction, tags, hardware.
QStringList measuredCautions(const runs::Measurement& measurement);

// The constants of the hardware, then operators as measured and as the constants say.
FigureTable calibrationTable(const profile::Calibration& calibration, const Theme& theme);

}  // namespace caracal::ui
