#include "core/import/kineto/kineto_importer.h"

#include "core/import/chrome/chrome_reader.h"
#include "core/import/kineto/event_collector.h"

namespace caracal::import::kineto {
namespace {

class KinetoImporter : public Importer {
 public:
  std::string_view format() const override { return "kineto"; }

  bool accepts(const std::string&, std::string_view head) const override {
    return chrome::looksLikeJson(head);
  }

  Result<trace::TraceBuilder> read(const std::string& path, const LoadOptions& options,
                                   std::stop_token stop, const Progress& progress) const override {
    EventCollector collector(options.selection, options.earlyCut());
    const auto sink = [&](const chrome::ChromeEvent& event) { collector.take(event); };
    CARACAL_TRY(document, chrome::readChromeTrace(path, sink, stop, progress));
    return collector.finish(document, path, stop);
  }
};

}  // namespace

std::unique_ptr<Importer> makeKinetoImporter() {
  return std::make_unique<KinetoImporter>();
}

}  // namespace caracal::import::kineto
