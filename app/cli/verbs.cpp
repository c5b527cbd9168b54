#include "app/cli/verbs.h"

namespace caracal::cli {

const std::vector<Verb>& verbs() {
  static const std::vector<Verb> kVerbs{
      {"doctor", "what this machine and this build can do", declareDoctor},
      {"info", "what traces hold, and what had to be repaired to read them", declareInfo},
  };
  return kVerbs;
}

}  // namespace caracal::cli
