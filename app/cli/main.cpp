// caracal: the command-line twin of caracal-ui. See `caracal --help`.
#include <unistd.h>

#include <iostream>
#include <string>
#include <vector>

#include "app/cli/cli.h"
#include "app/cli/interrupt.h"

int main(int argc, char** argv) {
  using namespace caracal::cli;
  const InterruptWatch interrupts;
  Console console{std::cout, std::cerr, interrupts.token(),
                  isatty(STDERR_FILENO) != 0 ? ProgressStyle::kLine : ProgressStyle::kNone};
  const ExitCode code = run(std::vector<std::string>(argv + 1, argv + argc), console);
  std::cout.flush();
  return static_cast<int>(std::cout.good() ? code : ExitCode::kFailed);
}
