// A shared library opened by name at run time and its functions looked up: how everything CUDA is
// used here, so that programs start on machines without a driver.
#pragma once

#include <dlfcn.h>

namespace caracal::cuda {

class DynamicLibrary {
 public:
  // The first of the names that opens; none: found() is false. Never closed, the driver keeps
  // threads in it.
  template <class... Names>
  explicit DynamicLibrary(Names... names) {
    ((m_handle = m_handle ? m_handle : ::dlopen(names, RTLD_NOW | RTLD_LOCAL)), ...);
  }

  bool found() const { return m_handle != nullptr; }

  // nullptr when the library is not there or has no such function.
  template <class Function>
  Function* function(const char* name) const {
    return m_handle ? reinterpret_cast<Function*>(::dlsym(m_handle, name)) : nullptr;
  }

 private:
  void* m_handle = nullptr;
};

}  // namespace caracal::cuda
