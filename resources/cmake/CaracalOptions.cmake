# Build options, and the one INTERFACE target that carries the standard, warnings and sanitizers.

set(CARACAL_CUDA AUTO CACHE STRING "CUDA backend and recorder: ON (required), OFF, or AUTO (when a toolkit is found)")
set_property(CACHE CARACAL_CUDA PROPERTY STRINGS ON OFF AUTO)
option(CARACAL_TESTS "Build the tests" ON)
option(CARACAL_UI "Build caracal-ui (needs Qt 6)" ON)
set(CARACAL_SANITIZE "" CACHE STRING "Sanitizers for every target: address,undefined or thread")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

add_library(caracal_flags INTERFACE)
target_compile_features(caracal_flags INTERFACE cxx_std_20)
target_include_directories(caracal_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(caracal_flags INTERFACE CARACAL_VERSION="${PROJECT_VERSION}")
target_compile_options(caracal_flags INTERFACE
  "$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wconversion;-Wno-sign-conversion;-Werror=return-type;-fno-math-errno;-Wno-missing-field-initializers>")
if(CARACAL_SANITIZE)
  target_compile_options(caracal_flags INTERFACE -fsanitize=${CARACAL_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(caracal_flags INTERFACE -fsanitize=${CARACAL_SANITIZE})
endif()

# Third-party libraries, all as Debian 12 ships them.
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(tl-expected REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(SIMDJSON REQUIRED IMPORTED_TARGET simdjson)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)

# CUDA: found or asked for, said once.
set(CARACAL_HAVE_CUDA OFF)
if(NOT CARACAL_CUDA STREQUAL "OFF")
  find_package(CUDAToolkit QUIET)
  if(CUDAToolkit_FOUND)
    set(CARACAL_HAVE_CUDA ON)
    # The oldest GPU with bf16 products, and the H100 and H200 with code for all later ones.
    set(CARACAL_CUDA_ARCHITECTURES "80-real;90" CACHE STRING "GPUs that kernels are compiled for")
    message(STATUS "CUDA ${CUDAToolkit_VERSION} found: building the recorder and runtime's CUDA backend")
  elseif(CARACAL_CUDA STREQUAL "ON")
    message(FATAL_ERROR "CARACAL_CUDA=ON but no CUDA toolkit was found; set CUDAToolkit_ROOT or use CARACAL_CUDA=AUTO")
  else()
    message(STATUS "No CUDA toolkit: the recorder and runtime's CUDA backend are left out (CARACAL_CUDA=ON makes this an error)")
  endif()
endif()
