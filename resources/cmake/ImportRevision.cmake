# cmake -DSOURCES="a.cpp;b.h" -DOUT=revision.cpp -P ImportRevision.cmake: a source that defines
# import::importRevision(), a hash of what makes traces of files.
set(hashes "")
foreach(source IN LISTS SOURCES)
  file(SHA256 ${source} hash)
  string(APPEND hashes ${hash})
endforeach()
string(SHA256 revision "${hashes}")
string(SUBSTRING ${revision} 0 16 revision)
file(WRITE ${OUT} "#include \"core/import/trace_cache.h\"

namespace caracal::import {

std::string_view importRevision() {
  return \"${revision}\";
}

}  // namespace caracal::import
")
