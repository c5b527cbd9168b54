// What the user typed after `caracal-ui`.
#pragma once

#include <QStringList>
#include <optional>

#include "app/ui/render/render_command.h"
#include "app/ui/theme/palette.h"
#include "core/base/result.h"

namespace caracal::ui {

struct CommandLine {
  QStringList paths;
  std::optional<ThemeKind> theme;
  std::optional<RenderCommand> render;
};

// `arguments` with the program's name first. Fails with kInvalidInput for usage errors. --help and
// --version print and end the program, as Qt programs do.
Result<CommandLine> parseCommandLine(const QStringList& arguments);

// "12ms", "3.5 s", "250 us", "100" (ns): scene time; empty when it is none.
std::optional<int64_t> parseTime(const QString& text);

}  // namespace caracal::ui
