#include "app/cli/hint.h"

#include <CLI/CLI.hpp>
#include <utility>

#include "core/base/files.h"

namespace caracal::cli {

void addHintOption(CLI::App& command, std::string& path) {
  command.add_option("--hint", path,
                     "JSON file that places ranks, or names the annotations of steps and passes");
}

Result<HintedTrace> withHint(std::shared_ptr<const trace::Trace> trace, const std::string& path) {
  if (path.empty()) return HintedTrace{std::move(trace), {}};
  CARACAL_TRY(text, readTextFile(path));
  auto hint = analysis::parseHint(text);
  if (!hint) return tl::unexpected(at(hint.error(), path));
  CARACAL_TRY(hinted, analysis::applyHint(std::move(trace), *hint));
  return HintedTrace{std::move(hinted), std::move(*hint)};
}

}  // namespace caracal::cli
