#include "app/cli/verbs.h"

namespace caracal::cli {

const std::vector<Verb>& verbs() {
  static const std::vector<Verb> kVerbs{
      {"doctor", "what this machine and this build can do", declareDoctor},
      {"record", "run a CUDA job and record what its GPUs do", declareRecord},
      {"info", "what traces hold, and what had to be repaired to read them", declareInfo},
      {"analyze", "busy, communication and idle time; stages with bubbles and their causes",
       declareAnalyze},
      {"profile", "operators, windows, links and memory of a job: what planning needs",
       declareProfile},
      {"plan", "choose what to keep and where to recompute, under a memory budget", declarePlan},
      {"simulate", "predict the step of a plan", declareSimulate},
      {"measure", "run a plan with caracal-run and compare with its prediction", declareMeasure},
      {"calibrate", "measure the constants of this hardware, for profiles of other models",
       declareCalibrate},
      {"compare", "set two runs, plans or predictions side by side", declareCompare},
      {"export", "write a plan as the configuration of a training framework", declareExport},
      {"render", "draw the timeline into a PNG or SVG", declareRender},
      {"project", "keep runs, profiles, plans and measurements in one file", declareProject},
      {"cache", "where loaded runs are kept, how much they take; clear or limit them",
       declareCache},
  };
  return kVerbs;
}

}  // namespace caracal::cli
