#include "runtime/comm/processes.h"

namespace caracal::comm {

bool hasMpi() {
  return false;
}

Result<std::unique_ptr<PhoneBook>> mpiPhoneBook() {
  return fail(ErrorCode::kUnsupported,
              "ranks as processes need MPI, and this caracal-run was built without it; start it "
              "without a launcher, then ranks are threads, or build it where libopenmpi-dev is "
              "installed");
}

}  // namespace caracal::comm
