#include "core/import/pipeline/pipeline_importer.h"

#include "core/import/chrome/chrome_reader.h"
#include "core/import/pipeline/operation_collector.h"

namespace caracal::import::pipeline {
namespace {

class PipelineImporter : public Importer {
 public:
  std::string_view format() const override { return "pipeline"; }

  bool accepts(const std::string&, std::string_view head) const override {
    return chrome::looksLikeJson(head) && looksLikePipelineTrace(head);
  }

  bool isCompanion(const std::string& path) const override { return isDescription(path); }

  Result<trace::TraceBuilder> read(const std::string& path, const LoadOptions& options,
                                   std::stop_token stop, const Progress& progress) const override {
    OperationCollector collector(options.earlyCut());
    const auto sink = [&](const chrome::ChromeEvent& event) { collector.take(event); };
    CARACAL_TRY(document, chrome::readChromeTrace(path, sink, stop, progress));
    return collector.finish(document, path);
  }
};

}  // namespace

std::unique_ptr<Importer> makePipelineImporter() {
  return std::make_unique<PipelineImporter>();
}

}  // namespace caracal::import::pipeline
