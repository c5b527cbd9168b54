#include "core/import/importer.h"
#include "core/import/kineto/kineto_importer.h"
#include "core/import/nsys/nsys_importer.h"
#include "core/import/pipeline/pipeline_importer.h"
#include "core/import/recorder_log/recorder_log_importer.h"

namespace caracal::import {
namespace {

// One line a format; the first that accepts a file reads it.
std::vector<std::unique_ptr<Importer>> makeImporters() {
  std::vector<std::unique_ptr<Importer>> all;
  all.push_back(pipeline::makePipelineImporter());
  all.push_back(kineto::makeKinetoImporter());
  all.push_back(nsys::makeNsysImporter());
  all.push_back(recorder_log::makeRecorderLogImporter());
  return all;
}

}  // namespace

const std::vector<std::unique_ptr<Importer>>& importers() {
  static const std::vector<std::unique_ptr<Importer>> kImporters = makeImporters();
  return kImporters;
}

}  // namespace caracal::import
