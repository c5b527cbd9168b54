add_custom_target(programs)  # what ./dev build makes

# caracal_library(NAME SOURCES a.cpp ... LINK lib ...): the static library of one folder.
function(caracal_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC caracal_flags ${ARG_LINK})
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
endfunction()

# caracal_program(NAME SOURCES main.cpp LINK lib ...): an executable over libraries, in bin/.
function(caracal_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE caracal_flags ${ARG_LINK})
  add_dependencies(programs ${name})
endfunction()

# caracal_test(NAME SOURCES a_test.cpp ... LINK lib ... [LABELS label ...]): a GoogleTest program; each
# of its cases is a ctest entry of its own.
function(caracal_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINK;LABELS;ENVIRONMENT" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE caracal_flags ${ARG_LINK} GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE
    CARACAL_SOURCE_DIR="${CMAKE_SOURCE_DIR}" CARACAL_BINARY_DIR="${CMAKE_BINARY_DIR}")
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  set(labels "")
  if(ARG_LABELS)
    set(labels LABELS "${ARG_LABELS}")
  endif()
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 120
    PROPERTIES TIMEOUT ${ARG_TIMEOUT} ${labels} ENVIRONMENT
      "QT_QPA_PLATFORM=offscreen;CARACAL_CACHE_DIR=${CMAKE_BINARY_DIR}/test-cache;${ARG_ENVIRONMENT}")
endfunction()
