// The options of verbs that read traces: what to load of them, and whether the cache may be used.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "core/base/result.h"
#include "core/import/importer.h"

namespace caracal::cli {

struct LoadChoices {
  std::string ranks;  // "0-7,12"
  std::string from;   // "2s", "1.5ms", counted from the run's first event
  std::string to;
  std::string categories;  // "kernel,cpu_op"
  bool noCache = false;
};

// Declares --no-cache.
void addCacheOption(CLI::App& command, const std::shared_ptr<LoadChoices>& choices);
// Declares --ranks, --from, --to, --categories and --no-cache.
void addLoadOptions(CLI::App& command, const std::shared_ptr<LoadChoices>& choices);

// Fails with kInvalidInput, in words, for what cannot be understood.
Result<import::LoadOptions> loadOptionsOf(const LoadChoices& choices);

}  // namespace caracal::cli
